"""Words of numbers, for texts that people read."""


def counted(count: int, thing: str, things: str = "") -> str:
    """'1 seal', '1,234 seals'. things: the plural, where it is not made by an s alone."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"
