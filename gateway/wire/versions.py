"""The versions of FIX that are spoken, by the name people give them, and what they are on the wire.

From 5.0 on FIX has a session layer of its own, FIXT 1.1: BeginString(8) names that, and DefaultApplVerID(1137) in the
Logon names the version of the messages it carries. Here that is 5.0 SP2, always.
"""

from typing import Literal, get_args

Version = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
VERSIONS: tuple[Version, ...] = get_args(Version)

FIX_50_SP2 = "FIX.5.0SP2"
FIXT = "FIXT.1.1"
APPL_VER_ID_50_SP2 = "9"
"""ApplVerID(1128) and DefaultApplVerID(1137) of 5.0 SP2."""


def transport(version: str) -> str:
    """BeginString(8) of the version's messages."""
    return FIXT if version == FIX_50_SP2 else version


def version_of(begin_string: str) -> str:
    """The version that a BeginString(8) means here."""
    return FIX_50_SP2 if begin_string == FIXT else begin_string
