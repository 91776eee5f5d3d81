"""Text that may go into a FIX value, into SQL and into a log as it is: printable ASCII without the delimiter."""

MAX_TEXT = 512  # of Text(58): enough for any reason, far below what an order management system's column cuts


def safe(value: str, limit: int = MAX_TEXT) -> str:
    """The text with everything else as `?`, at most `limit` characters; a cut is shown by `...` at the end."""
    if len(value) > limit:
        value = value[: limit - 3] + "..."
    if value.isascii() and value.isprintable():
        return value
    return "".join([c if " " <= c <= "~" else "?" for c in value])


def shown(value: str) -> str:
    """A client's value as messages quote it: safe, and short enough to leave room for the rest."""
    return safe(value, 40)
