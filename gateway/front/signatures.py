"""Logon by signature: RawData(96) is the base64 of an Ed25519 signature over MsgType(35), SenderCompID(49),
TargetCompID(56), MsgSeqNum(34) and SendingTime(52), joined by SOH.
"""

import base64
import binascii
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.engine.clock import NANOSECONDS
from gateway.front.logon import Logon
from gateway.front.refused import NOT_AUTHORIZED, Refused
from gateway.front.sending_time import nanoseconds
from gateway.wire.raw import SOH, to_bytes
from gateway.wire.tags import MSG_SEQ_NUM, MSG_TYPE, RAW_DATA, SENDER_COMP_ID, SENDING_TIME, TARGET_COMP_ID

_SIGNED = (MSG_TYPE, SENDER_COMP_ID, TARGET_COMP_ID, MSG_SEQ_NUM, SENDING_TIME)


class PublicKeyError(ValueError):
    """A public key cannot be used; the text says which and why."""


def load_keys(paths: Iterable[Path]) -> tuple[Ed25519PublicKey, ...]:
    """Of PEM files. Raises PublicKeyError."""
    return tuple(_load_key(path) for path in paths)


def _load_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PublicKeyError(f"public key {path}: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise PublicKeyError(f"public key {path}: not an Ed25519 key")
    return key


class SignatureCheck:
    """Remembers each client's last SendingTime(52), so that no Logon is good twice, not even after a restart: what
    was signed before the start of the process is refused.
    """

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        """now: nanoseconds UTC."""
        self._now = now
        self._started_at = now()
        self._last: dict[tuple[str, str], int] = {}  # by CompIDs: the BeginString(8) is not signed

    def check(self, keys: Iterable[Ed25519PublicKey], window_seconds: int, logon: Logon) -> None:
        """Raises Refused unless one of the keys has signed this Logon, lately and for the first time."""
        sent_at, now = nanoseconds(logon.value(SENDING_TIME)), self._now()
        if sent_at is None or abs(now - sent_at) > window_seconds * NANOSECONDS:
            raise Refused(
                f"SendingTime(52) is not within {window_seconds} s of our time",
                f"SendingTime(52) is not within {window_seconds} s of the gateway's time",
            )
        if not any(_has_signed(key, logon) for key in keys):
            raise Refused("RawData(96) is no signature by one of the session's keys", NOT_AUTHORIZED)
        comp_ids = logon.value(SENDER_COMP_ID), logon.value(TARGET_COMP_ID)
        if sent_at <= self._last.get(comp_ids, self._started_at):
            raise Refused("SendingTime(52) is not later than the last Logon's or our start: a replay?", NOT_AUTHORIZED)
        self._last[comp_ids] = sent_at


def signed_text(logon: Logon) -> bytes:
    """What the signature is over."""
    return to_bytes(SOH.join(logon.value(tag) for tag in _SIGNED))


def _has_signed(key: Ed25519PublicKey, logon: Logon) -> bool:
    try:
        key.verify(base64.b64decode(to_bytes(logon.value(RAW_DATA)), validate=True), signed_text(logon))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
