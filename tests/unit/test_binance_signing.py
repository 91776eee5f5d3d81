"""Signatures: the published vectors, and that no secret shows."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.signing import Ed25519Signer, HmacSigner, KeyFileError, rest_query, ws_payload

# Published examples of the venue's documentation.
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def test_rest_vector() -> None:
    params: dict[str, str | int] = {
        "symbol": "LTCBTC",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "0.1",
        "recvWindow": 5000,
        "timestamp": 1499827319559,
    }
    query = rest_query(params, HmacSigner(SECRET))
    assert query.startswith("symbol=LTCBTC&side=BUY&type=LIMIT&")
    assert query.endswith("&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71")


def test_ws_vector() -> None:
    params: dict[str, str | int] = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": KEY,
    }
    signature = HmacSigner(SECRET).sign(ws_payload(params))
    assert signature == "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"


def test_rest_signs_what_is_percent_encoded_and_ws_what_is_not() -> None:
    params: dict[str, str | int] = {"symbol": "币安", "newClientOrderId": "a b"}
    query = rest_query(params, HmacSigner(SECRET))
    signed, _, signature = query.rpartition("&signature=")
    assert signed == "symbol=%E5%B8%81%E5%AE%89&newClientOrderId=a+b"
    assert signature == HmacSigner(SECRET).sign(signed.encode())
    assert ws_payload(params) == "newClientOrderId=a b&symbol=币安".encode()


def _pem(path: Path, key: PrivateKeyTypes, encryption: KeySerializationEncryption | None = None) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return path


def test_ed25519_signs_what_the_public_key_verifies(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    signer = Ed25519Signer.from_pem_file(_pem(tmp_path / "key.pem", key))
    key.public_key().verify(base64.b64decode(signer.sign(b"text")), b"text")  # raises when wrong
    query = rest_query({"a": 1}, signer)
    assert not set(query) & set("+/ ")
    assert query.count("=") == 2


def test_unusable_key_files_are_named_and_not_shown(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    files = [
        tmp_path / "none.pem",
        rubbish,
        _pem(tmp_path / "rsa.pem", rsa.generate_private_key(65537, 2048)),
        _pem(tmp_path / "locked.pem", Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")),
    ]
    for file in files:
        with pytest.raises(KeyFileError) as error:
            Ed25519Signer.from_pem_file(file)
        assert str(file) in str(error.value)
        assert "c2VjcmV0" not in repr(error.value)
        assert error.value.__cause__ is None


def test_no_secret_shows() -> None:
    credentials = Credentials(KEY, HmacSigner(SECRET))
    shown = f"{credentials} {credentials!r} {credentials.signer} {credentials.signer!r}"
    assert SECRET not in shown
    assert KEY not in shown
