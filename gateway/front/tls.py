"""TLS: the server's side of it, and who a client's certificate says it is.

Certificates, the authorities whose clients are let in, and revocation lists are files. They are read at start and again
when told to; a connection keeps what it was made with.
"""

import hashlib
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from loguru import logger

_FINGERPRINT = "sha256:"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_PEM_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_SPACE_BETWEEN = re.compile(r"(?<!\\), +")
_SOON = timedelta(days=14)


class TlsError(ValueError):
    """A file or a name cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files. certificate: the server's, with its chain.

    client_ca: whose certificates clients need; None: clients need none. client_crl: lists of revoked ones, of every
    authority in client_ca that issues to clients.
    """

    certificate: Path
    private_key: Path
    client_ca: Path | None = None
    client_crl: Path | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Of a verified client certificate: its subject as RFC 4514 writes it, and sha256: with its fingerprint."""

    subject: str
    fingerprint: str


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """What handshakes need. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session would not be asked for its certificate again, which may be revoked by now.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    try:
        context.load_cert_chain(settings.certificate, settings.private_key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise TlsError(
            f"certificate {settings.certificate} with private key {settings.private_key}: {error}"
        ) from error
    _log(_log_expiry, settings.certificate)
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _load(context, settings.client_ca, "client_ca")
    if settings.client_crl is not None:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        _load(context, settings.client_crl, "client_crl")
        _log(_log_lists, settings.client_crl)
    return context


def identity_of(ssl_object: ssl.SSLObject | None) -> Identity | None:
    """Of the other end of a finished handshake; None without a certificate."""
    der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    if not der:
        return None
    try:
        subject = x509.load_der_x509_certificate(der).subject.rfc4514_string()
    except ValueError:  # this library is stricter than the one that verified it
        subject = ""
    return Identity(subject, _FINGERPRINT + hashlib.sha256(der).hexdigest())


def parse_identity(text: str) -> str:
    """A subject or a fingerprint as a person writes it, in the form that Identity has. Raises TlsError."""
    if text.lower().startswith(_FINGERPRINT):
        digits = text[len(_FINGERPRINT) :].replace(":", "").lower()
        if not _SHA256_HEX.fullmatch(digits):
            raise TlsError(f"{text!r}: a SHA-256 fingerprint has 64 hexadecimal digits")
        return _FINGERPRINT + digits
    try:
        if not text:
            raise ValueError("no subject")  # noqa: TRY301 - one text for all
        return x509.Name.from_rfc4514_string(_SPACE_BETWEEN.sub(",", text)).rfc4514_string()
    except ValueError as error:
        raise TlsError(
            f"{text!r} is neither sha256: with a fingerprint nor a subject such as CN=desk,O=Firm"
        ) from error


def _no_password() -> str:
    raise ValueError("the private key is encrypted; give one without a passphrase, readable by this user alone")


def _load(context: ssl.SSLContext, path: Path, what: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise TlsError(f"{what} {path}: {error}") from error


def _log(what: Callable[[Path], None], path: Path) -> None:
    """What handshakes can use is not refused because another library, which reads it for these lines, cannot."""
    try:
        what(path)
    except (OSError, ValueError) as error:
        logger.warning("{}: in use, but it cannot be told until when: {}", path, error)


def _log_expiry(path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    end = certificate.not_valid_after_utc
    level = "WARNING" if end - datetime.now(UTC) < _SOON else "INFO"
    logger.log(level, "TLS certificate subject={} valid_until={:%Y-%m-%dT%H:%M:%SZ}", _subject(certificate), end)


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string().replace(" ", "_") or "-"


def _log_lists(path: Path) -> None:
    """A list that is out of date makes every handshake fail, which should not come as a riddle."""
    for pem in _PEM_LIST.findall(path.read_bytes()):
        revoked = x509.load_pem_x509_crl(pem)
        end = revoked.next_update_utc
        issuer = revoked.issuer.rfc4514_string().replace(" ", "_")
        if end is not None and end < datetime.now(UTC):
            logger.error("revocation list out of date, clients are refused issuer={} next_update={}", issuer, end)
        else:
            logger.info("revocation list issuer={} revoked={} next_update={}", issuer, len(revoked), end)
