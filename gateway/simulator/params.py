"""Reading request parameters: the same for REST (text) and the WebSocket API (JSON values)."""

import re
from decimal import Decimal
from typing import Any

from gateway.simulator import errors

# Binance documents plain digits only; clients that print 0.00001 as 1e-05 are let through as well.
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_NUMBER_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER = re.compile(r"[0-9]{1,20}")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9_-]{1,36}")
_CLIENT_ID_RANGE = "^[a-zA-Z0-9-_]{1,36}$"
_SYMBOL = re.compile(r"[A-Z0-9-_.]{1,20}")
_SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"
_MAX_DECIMALS = -8
_MAX_DIGITS = 12  # before the point; keeps every product within the decimal context's 28 digits
_SURELY_PRECISE_ENOUGH = 9  # characters: at most "." and eight decimals


class Params:
    """The parameters of one request, read by name and type."""

    __slots__ = ("values",)

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def text(self, name: str) -> str | None:
        """The parameter as text, None when it was not sent. Raises -1105 when it was sent empty."""
        value = self.values.get(name)
        if type(value) is not str:
            if value is None:
                return None
            if isinstance(value, bool):
                return "true" if value else "false"
            if not isinstance(value, int):
                raise errors.mandatory(name)
            return str(value)
        if not value:
            raise errors.empty(name)
        return value

    def need(self, name: str) -> str:
        """A text that must be there. Raises -1102, or -1105 when it is empty."""
        value = self.text(name)
        if value is None:
            raise errors.mandatory(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """An unsigned decimal of at most eight places. Raises -1100 or -1111."""
        value = self.text(name)
        if value is None:
            return None
        if _NUMBER.fullmatch(value) is None:
            raise errors.illegal_chars(name, _NUMBER_RANGE)
        number = Decimal(value)
        if number.adjusted() >= _MAX_DIGITS:
            raise errors.illegal_chars(name, _NUMBER_RANGE)
        if len(value) > _SURELY_PRECISE_ENOUGH or "e" in value or "E" in value:
            exponent = number.normalize().as_tuple().exponent
            if isinstance(exponent, int) and exponent < _MAX_DECIMALS:
                raise errors.too_precise(name)
        return number

    def need_decimal(self, name: str) -> Decimal:
        """As `decimal`. Raises -1102 when it is missing."""
        value = self.decimal(name)
        if value is None:
            raise errors.mandatory(name)
        return value

    def integer(self, name: str) -> int | None:
        """Unsigned, of at most 20 digits. Raises -1100."""
        value = self.text(name)
        if value is None:
            return None
        if _INTEGER.fullmatch(value) is None:
            raise errors.illegal_chars(name, "^[0-9]{1,20}$")
        return int(value)

    def flag(self, name: str) -> bool:
        """False where it is absent. Raises -1100 for other than true and false."""
        value = self.text(name)
        if value is None:
            return False
        if value.lower() not in ("true", "false"):
            raise errors.illegal_chars(name, "^(true|false)$")
        return value.lower() == "true"

    def client_id(self, name: str) -> str | None:
        """Raises -1100 for characters or lengths that client order ids may not have."""
        value = self.text(name)
        if value is not None and _CLIENT_ID.fullmatch(value) is None:
            raise errors.illegal_chars(name, _CLIENT_ID_RANGE)
        return value

    def symbol(self, name: str = "symbol") -> str:
        """A symbol that must be there. Raises -1102, or -1100 for what can be none."""
        value = self.need(name)
        if _SYMBOL.fullmatch(value) is None:
            raise errors.illegal_chars(name, _SYMBOL_RANGE)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], refusal: errors.ApiError) -> str | None:
        """One of `allowed`, or None where it is absent. Raises `refusal`."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise refusal
        return value
