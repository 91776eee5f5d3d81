"""The only listener on the network: who may connect, one complete Logon to the engine, then bytes both ways."""

from gateway.front.server import Front, FrontError, run_front
from gateway.front.settings import FrontSettings, SessionPolicy

__all__ = ["Front", "FrontError", "FrontSettings", "SessionPolicy", "run_front"]
