"""The configuration's limits: what the database gets at its first start.

The controls are loaded where a limit is set: they take most of the domain along, which the front and the commands that
read the configuration need for nothing else.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from gateway.domain.totals import Scope

if TYPE_CHECKING:
    from gateway.domain.flatten import FlattenRules
    from gateway.domain.risk.control import Control


def _control(code: str) -> "Control":
    from gateway.domain.risk.controls import CONTROLS  # noqa: PLC0415 - see above

    return CONTROLS[code]


def _as_text(value: Any) -> Any:
    """Limits are written as strings, whole numbers, or true; a TOML float has lost digits already."""
    if isinstance(value, bool):
        if not value:
            raise ValueError("leave it out instead")
        return "yes"
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueError beside the key
            f'write it as a string, "{value}": a TOML float is not exact'
        )
    return str(value) if isinstance(value, int) else value


Text = Annotated[str, BeforeValidator(_as_text)] | None


class LimitsConfig(BaseModel):
    """Pre-trade limits; what is left out is not limited. Each is described beside its control in domain/risk/.

    warn_at_percent: the part of each limit of this table whose use is alerted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn_at_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    restricted_symbol: Text = None
    side_not_allowed: Text = None
    order_type_not_allowed: Text = None
    market_hours: Text = None
    repeated_execution: Text = None
    max_order_qty: Text = None
    max_order_notional: Text = None
    min_order_notional: Text = None
    price_collar: Text = None
    fat_finger: Text = None
    self_trade: Text = None
    duplicate_order: Text = None
    max_position: Text = None
    max_gross_exposure: Text = None
    max_net_exposure: Text = None
    short_sale: Text = None
    buying_power: Text = None
    max_daily_loss: Text = None
    max_open_orders: Text = None
    max_orders_per_day: Text = None
    order_rate: Text = None
    cancel_ratio: Text = None

    @field_validator("*")
    @classmethod
    def _can_be_applied(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and info.field_name is not None and info.field_name.upper() in LIMIT_CODES:
            control = _control(info.field_name.upper())
            try:
                control.value(value)
            except ValueError as error:
                raise ValueError(f"{error}; it is {control.about}") from None
        return value

    def texts(self) -> dict[str, str]:
        """The limits that are set, by code."""
        found = {name.upper(): getattr(self, name) for name in type(self).model_fields}
        return {code: found[code] for code in found if code in LIMIT_CODES and found[code] is not None}


LIMIT_CODES = frozenset(name.upper() for name in LimitsConfig.model_fields if name != "warn_at_percent")
"""Every limit that the configuration can set."""


class ScopedLimitsConfig(LimitsConfig):
    """Limits of one scope; what is left out stands for all: without account, session and symbol, of the whole firm.

    session: the client's CompID. symbol: each symbol of the scope has these limits, or this one alone.
    """

    account: str = ""
    session: str = ""
    symbol: str = ""

    @property
    def scope(self) -> Scope:
        """What they are about."""
        return Scope(self.account, self.session, self.symbol)


class RiskConfig(BaseModel):
    """without_reference: what becomes of an order that a limit cannot be reckoned for, since no price is known.

    reference_max_age_seconds: an older reference price is as good as none.
    currency: what exposure, profit and loss of all symbols are reckoned in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    without_reference: Literal["refuse", "pass"] = "refuse"
    reference_max_age_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    currency: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")] = "USDT"


class FlattenConfig(BaseModel):
    """How `fixgw kill --flatten` closes positions.

    max_slice_notional: the most that one of its orders may be worth, in risk.currency.
    collar: how far from the reference price its orders may go; where PRICE_COLLAR is tighter, that counts.
    attempts: how many orders in a row may execute nothing before a position is left.
    within_seconds: when what is not closed yet is left.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_slice_notional: Annotated[Decimal, BeforeValidator(_as_text), Field(gt=0, max_digits=30)] = Decimal(50_000)
    collar: Annotated[str, BeforeValidator(_as_text)] = "1%"
    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    within_seconds: Annotated[int, Field(ge=1, le=600)] = 30

    @field_validator("collar")
    @classmethod
    def _has_both_sides(cls, text: str) -> str:
        from gateway.domain.risk.collar import parse_collar  # noqa: PLC0415 - see above

        collar = parse_collar(text)
        if collar.buy is None or collar.sell is None:
            raise ValueError("it needs a width for both sides: longs are sold, shorts are bought back")
        return text

    def rules(self) -> "FlattenRules":
        """As the engine has them."""
        from gateway.domain.flatten import FlattenRules  # noqa: PLC0415 - see above
        from gateway.domain.risk.collar import parse_collar  # noqa: PLC0415

        return FlattenRules(
            max_notional=self.max_slice_notional,
            collar=parse_collar(self.collar),
            attempts=self.attempts,
            within=self.within_seconds * 1_000_000_000,
        )


class GivenLimit(NamedTuple):
    """A limit as the configuration gives it."""

    code: str
    scope: Scope
    text: str
    warn_percent: int | None


def given_limits(scope: Scope, limits: LimitsConfig) -> Iterator[GivenLimit]:
    """The limits of one table."""
    for code, text in limits.texts().items():
        soft = limits.warn_at_percent if _control(code).part is not None else None
        yield GivenLimit(code, scope, text, soft)
