"""The part of the configuration that says how a venue account's balances are compared with the books."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.config_section import Section
from gateway.domain.balances import Tolerance


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueError beside the key
            f'write it as a string, "{value}": a TOML float is not exact'
        )
    return value


Amount = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, max_digits=30, allow_inf_nan=False)]


class BalancesConfig(Section):
    """compare: false where others trade or pay out of the account too, so that the books cannot tell what is there.

    tolerance: how far apart books and venue may be, in units of each asset; tolerance_of: of these assets, instead.
    """

    compare: bool = True
    tolerance: Amount = Decimal("0.000001")
    tolerance_of: dict[str, Amount] = Field(default_factory=dict)

    def rule(self) -> Tolerance:
        """As the engine has it."""
        return Tolerance(self.tolerance, self.tolerance_of)
