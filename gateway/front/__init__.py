"""The only listener on the network: who may connect, one complete Logon to the engine, then bytes both ways."""

from gateway.front.passwords import hash_password
from gateway.front.server import Front, FrontError, run_front
from gateway.front.settings import BackendSettings, FrontSettings, PasswordLogon, SessionPolicy, SignatureLogon
from gateway.front.tls import TlsError, TlsSettings, parse_identity
from gateway.front.users import UserFile, UserFileError
from gateway.front.wire_log import WireLogSettings

__all__ = [
    "BackendSettings",
    "Front",
    "FrontError",
    "FrontSettings",
    "PasswordLogon",
    "SessionPolicy",
    "SignatureLogon",
    "TlsError",
    "TlsSettings",
    "UserFile",
    "UserFileError",
    "WireLogSettings",
    "hash_password",
    "parse_identity",
    "run_front",
]
