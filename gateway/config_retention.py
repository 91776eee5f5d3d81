"""How long records stay in the database, as the configuration says it."""

from typing import Annotated

from pydantic import Field

from gateway.config_section import Section

Days = Annotated[int, Field(ge=3, le=36_500)]
"""The trading day and the one before are what the engine itself may ask for again."""


class RetentionConfig(Section):
    """Days, by class of record, after which `fixgw retention archive` may take records out; left out: they stay.

    messages: FIX messages. orders: the journal, reports and requests to venues. decisions: risk's, with their figures.
    venue_traffic: what was said to venues and what they said. clock_readings: of venues and the host. alerts: these,
    and what came and went. wire_log: its files.

    Orders as they ended, executions, positions, limits, operators' actions, breaks, seals and holds stay always.
    """

    messages: Days | None = None
    orders: Days | None = None
    decisions: Days | None = None
    venue_traffic: Days | None = None
    clock_readings: Days | None = None
    alerts: Days | None = None
    wire_log: Days | None = None
