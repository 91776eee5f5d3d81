"""The only listener on the network: one complete Logon to the engine first, then bytes both ways."""

from gateway.front.server import Front, FrontError, run_front
from gateway.front.settings import FrontSettings

__all__ = ["Front", "FrontError", "FrontSettings", "run_front"]
