"""The part of the configuration that says how much a session may send."""

from typing import Annotated

from pydantic import Field, field_validator

from gateway.config_section import Section


class ThrottleConfig(Section):
    """messages: how many of any kind but cancels, such as 100/1s: a token bucket, full at first.

    logout_after: so many above it, without a pause, end the connection; left out: none do.
    """

    messages: str
    logout_after: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @field_validator("messages")
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        from gateway.domain.risk.parsing import rate  # noqa: PLC0415 - takes most of the domain along

        rate(text)
        return text
