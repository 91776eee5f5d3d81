"""The only listener on the network: who may connect, one complete Logon to the engine, then bytes both ways."""

from gateway.front.server import Front, FrontError, run_front
from gateway.front.settings import FrontSettings, SessionPolicy
from gateway.front.tls import TlsError, TlsSettings, parse_identity

__all__ = [
    "Front",
    "FrontError",
    "FrontSettings",
    "SessionPolicy",
    "TlsError",
    "TlsSettings",
    "parse_identity",
    "run_front",
]
