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
from typing import TypeVar

from cryptography import x509
from loguru import logger

_FINGERPRINT = "sha256:"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_PEM_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_SPACE_BETWEEN = re.compile(r"(?<!\\), +")
_SOON = timedelta(days=14)
_Dated = TypeVar("_Dated")


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
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _load(context, settings.client_ca, "client_ca")
    if settings.client_crl is not None:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        _load(context, settings.client_crl, "client_crl")
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


class Dates:
    """Until when the files are good that handshakes use: as they were when they were read, whatever they are now."""

    def __init__(self, settings: TlsSettings) -> None:
        self._certificates = _read(x509.load_pem_x509_certificate, settings.certificate)
        self._lists = _read(x509.load_pem_x509_crl, settings.client_crl, _PEM_LIST)

    def tell(self) -> None:
        """Log it. What ends unnoticed makes every handshake fail."""
        now = datetime.now(UTC)
        for certificate in self._certificates:
            end = certificate.not_valid_after_utc
            text = f"TLS certificate subject={_name(certificate.subject)} valid_until={end:%Y-%m-%dT%H:%M:%SZ}"
            if end < now:
                logger.error("{}: it is over, clients do not connect", text)
            else:
                logger.log("WARNING" if end - now < _SOON else "INFO", text)
        for revoked in self._lists:
            issuer, end_of_list = _name(revoked.issuer), revoked.next_update_utc
            if end_of_list is not None and end_of_list < now:
                text = "revocation list out of date, clients are refused issuer={} next_update={}"
                logger.error(text, issuer, end_of_list)
            else:
                logger.info("revocation list issuer={} revoked={} next_update={}", issuer, len(revoked), end_of_list)


def _read(parse: Callable[[bytes], _Dated], path: Path | None, part: re.Pattern[bytes] | None = None) -> list[_Dated]:
    """What handshakes can use is not refused because another library, which reads it for its dates, cannot."""
    if path is None:
        return []
    try:
        data = path.read_bytes()
        return [parse(pem) for pem in (part.findall(data) if part is not None else [data])]
    except (OSError, ValueError) as error:
        logger.warning("{}: in use, but it cannot be told until when: {}", path, error)
        return []


def _name(of: x509.Name) -> str:
    return of.rfc4514_string().replace(" ", "_") or "-"
