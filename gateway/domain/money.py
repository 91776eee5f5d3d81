"""Exact decimal arithmetic for prices, quantities and money. Nothing here ever goes through float.

Every operation uses a context of our own, so the thread's context cannot change a result.
Addition and multiplication are exact or raise `decimal.Inexact`; only `avg_px` rounds, and what is named down or up.
"""

import re
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

ZERO = Decimal(0)
_ONE = Decimal(1)

_MAX_DIGITS = 20  # either side of the point: far beyond any price, far below what could stall arithmetic
_NUMBER = re.compile(rf"-?(?:\d{{1,{_MAX_DIGITS}}}(?:\.\d{{0,{_MAX_DIGITS}}})?|\.\d{{1,{_MAX_DIGITS}}})", re.ASCII)

_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_DOWN = Context(prec=100, rounding=ROUND_FLOOR, traps=[InvalidOperation, DivisionByZero, Overflow])
_ROUNDING = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])

AVG_PX_STEP = Decimal("1e-12")
"""AvgPx(6) is exact where the division ends within 12 decimals, and rounded half-even there otherwise."""

add = _EXACT.add
subtract = _EXACT.subtract
multiply = _EXACT.multiply


def parse_decimal(text: str) -> Decimal:
    """A number as FIX writes it: digits and a point, no exponent, at most 20 digits either side.

    Raises ValueError naming the text for anything else (NaN, infinity, exponents, signs other than minus, blanks).
    """
    if _NUMBER.fullmatch(text) is None:
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise ValueError(f"not a decimal number of at most {_MAX_DIGITS} digits before and after the point: {shown!r}")
    return Decimal(text)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether value is a whole number of steps; a step of zero allows all."""
    return step == 0 or _EXACT.remainder(value, step) == 0


def avg_px(cum_notional: Decimal, cum_qty: Decimal) -> Decimal:
    """AvgPx(6): what was paid over what was executed; zero while nothing was."""
    if cum_qty == 0:
        return ZERO
    return trim(_ROUNDING.quantize(_ROUNDING.divide(cum_notional, cum_qty), AVG_PX_STEP))


def divide_down(dividend: Decimal, divisor: Decimal) -> Decimal:
    """The quotient of two numbers above zero, at most 1e-12 too small and never too large."""
    return _DOWN.quantize(_DOWN.divide(dividend, divisor), AVG_PX_STEP)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The next whole number of steps at or below; a step of zero allows all."""
    if step == 0:
        return value
    over = _EXACT.remainder(value, step)
    return _EXACT.subtract(value, over if over >= 0 else _EXACT.add(over, step))


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """Likewise, at or above."""
    down = round_down(value, step)
    return down if down == value else _EXACT.add(down, step)


def trim(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent: 1.500 -> 1.5, 1E+3 -> 1000."""
    normal = value.normalize(_EXACT)
    return normal.quantize(_ONE, context=_EXACT) if "E+" in str(normal) else normal


def text_of(value: Decimal) -> str:
    """The number as FIX and venues want it: plain digits, never an exponent."""
    text = str(value)  # twice as fast, and the same but for an exponent
    return format(value, "f") if "E" in text else text
