"""The deployment's key, by which seals are signed (Ed25519, RFC 8032). It is a file, and never in SQL."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import ConfigError

KEY_VARIABLE = "FIXGW_AUDIT_KEY_FILE"
"""Names the private key's file. The public one is beside it, with .pub added to the name."""


class PublicKey:
    """Tells whether a signature is the deployment's."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @property
    def key_id(self) -> str:
        """Short, for people, and to find the right key by."""
        return hashlib.sha256(self._key.public_bytes_raw()).hexdigest()[:16]

    def has_signed(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature is right."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


class SealingKey:
    """Signs seals."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, content: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(content)


def create_key(path: Path) -> PublicKey:
    """Write a new key, mode 0600, and its public half beside it. Raises ConfigError; a file that is there stays."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        _write(path, private, 0o600)
        _write(public_path(path), public, 0o644)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from error
    return PublicKey(key.public_key())


def public_path(path: Path) -> Path:
    """Where the public half of a private key is."""
    return path.with_name(path.name + ".pub")


def sealing_key(environ: Mapping[str, str] = os.environ) -> SealingKey | None:
    """As FIXGW_AUDIT_KEY_FILE names it; None where nothing is named. Raises ConfigError for what is no such key."""
    name = environ.get(KEY_VARIABLE)
    if not name:
        return None
    try:
        key = load_pem_private_key(Path(name).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{KEY_VARIABLE}: {name} cannot be used: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{KEY_VARIABLE}: {name} is no Ed25519 key; fixgw audit key makes one")
    return SealingKey(key)


def read_public_key(path: Path) -> PublicKey:
    """Raises ConfigError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be used as a public key: {getattr(error, 'strerror', None) or error}"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path} is no Ed25519 key")
    return PublicKey(key)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
