"""Checking signatures and timestamps of signed requests (Binance: "Request security")."""

import base64
import binascii
import hashlib
import hmac
import re
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidSignature

from gateway.simulator import errors
from gateway.simulator.accounts import ApiKey
from gateway.simulator.errors import ApiError

_DEFAULT_WINDOW_MS = 5000
_MAX_WINDOW_MS = 60_000
_AHEAD_MS = 1000
_TIMESTAMP = re.compile("[0-9]{1,18}")
_WINDOW = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_MICROSECONDS = 10**15  # timestamps above are taken as microseconds; Binance accepts both


def check_signature(key: ApiKey, payload: bytes, signature: str) -> None:
    """Raise -1022 unless the signature fits the payload: hex for HMAC-SHA256, base64 for Ed25519."""
    if key.secret is not None:
        expected = hmac.digest(key.secret, payload, hashlib.sha256).hex()
        if hmac.compare_digest(expected, signature.lower()):
            return
    elif key.public_key is not None:
        try:
            key.public_key.verify(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            pass
        else:
            return
    raise ApiError(-1022, "Signature for this request is not valid.")


def check_timing(timestamp: Any, window: Any, now: int) -> None:
    """Raise -1102 for a missing timestamp, -1021 for one outside recvWindow. `now` in milliseconds."""
    if _TIMESTAMP.fullmatch(str(timestamp)) is None:
        raise errors.mandatory("timestamp")
    sent = int(timestamp)
    if sent > _MICROSECONDS:
        sent //= 1000
    allowed = Decimal(_DEFAULT_WINDOW_MS)
    if window is not None:
        if _WINDOW.fullmatch(str(window)) is None:
            raise errors.mandatory("recvWindow")
        allowed = Decimal(str(window))
        if allowed > _MAX_WINDOW_MS:
            raise ApiError(-1131, "recvWindow must be less than 60000.")
    if sent >= now + _AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - sent > allowed:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def websocket_payload(params: dict[str, Any]) -> bytes:
    """What a WebSocket request signs: its parameters without the signature, sorted by name."""
    pairs = [f"{name}={_plain(params[name])}" for name in sorted(params) if name != "signature"]
    return "&".join(pairs).encode()


def _plain(value: Any) -> Any:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return value


def rest_payload(query: str, body: str) -> bytes:
    """What a REST request signs: query and body as received, run together, without the signature itself."""
    return (_unsigned(query) + _unsigned(body)).encode()


def _unsigned(part: str) -> str:
    if "signature=" not in part:
        return part
    return "&".join(piece for piece in part.split("&") if not piece.startswith("signature="))
