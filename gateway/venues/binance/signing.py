"""Request signatures: HMAC-SHA256 (hex) and Ed25519 (base64). Source: Binance Spot API, "Request security".

REST signs the query string and the body exactly as sent, percent-encoded first. The WebSocket API signs
`name=value` pairs sorted by name, apiKey included, as raw UTF-8.
"""

import base64
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Params = Mapping[str, str | int]


class KeyFileError(ValueError):
    """A private key file cannot be used. The text names the file and never its content."""


class Signer(Protocol):
    """Signs with one secret, which no text of its own ever shows."""

    session_logon: bool
    """Whether `session.logon` takes this kind of key, so that requests need no signature of their own."""

    def sign(self, payload: bytes) -> str:
        """The signature as the venue wants it, before percent-encoding."""


class HmacSigner:
    """HMAC-SHA256 with the account's API secret."""

    session_logon = False

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, payload: bytes) -> str:
        """Hexadecimal digest."""
        return hmac.digest(self._secret, payload, "sha256").hex()

    def __repr__(self) -> str:
        return "HmacSigner(***)"


class Ed25519Signer:
    """Ed25519 with a private key of ours; the venue knows the public one."""

    session_logon = True

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_pem_file(cls, path: Path) -> "Ed25519Signer":
        """Load an unencrypted PKCS#8 PEM file. Raises KeyFileError naming the file and what is wrong with it."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"cannot read the private key file {path}: {error.strerror}") from None
        return cls.from_pem(content, str(path))

    @classmethod
    def from_pem(cls, content: bytes, what: str) -> "Ed25519Signer":
        """From an unencrypted PKCS#8 PEM text. Raises KeyFileError, which calls it `what`."""
        try:
            key = load_pem_private_key(content, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The library's own text may quote the file, so it is left out.
            raise KeyFileError(f"{what} is not an unencrypted PEM private key") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{what} holds another kind of key; Ed25519 is wanted")
        return cls(key)

    def sign(self, payload: bytes) -> str:
        """Base64 of the 64 signature bytes."""
        return base64.b64encode(self._key.sign(payload)).decode()

    def __repr__(self) -> str:
        return "Ed25519Signer(***)"


def rest_query(params: Params, signer: Signer) -> str:
    """The query string to send, percent-encoded, in the given order and with its signature last."""
    query = urlencode(params)
    return f"{query}&{urlencode({'signature': signer.sign(query.encode())})}"


def ws_payload(params: Params) -> bytes:
    """What the WebSocket API signs: the parameters sorted by name."""
    return "&".join([f"{name}={value}" for name, value in sorted(params.items())]).encode()
