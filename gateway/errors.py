"""Errors that cross package borders: one small tree."""


class GatewayError(Exception):
    """Anything the gateway raises on purpose."""


class ConfigError(GatewayError):
    """What a person configured cannot be used; the text says which value and what is allowed."""


class DatabaseUnavailable(GatewayError):  # noqa: N818 -- says what happened
    """The database cannot be used now, and may be later: it is down, restarting, locked or full. Try again."""


class JournalHalted(GatewayError):  # noqa: N818 -- says what happened
    """SQL could not be written. The COMMIT may or may not have happened: stop the process, never repeat the batch."""


class LeaseLost(JournalHalted):
    """Another engine has taken over, or may have: nothing may leave this one any more."""


class JournalUnreadable(GatewayError):  # noqa: N818 -- as above
    """The journal holds what this release cannot read."""
