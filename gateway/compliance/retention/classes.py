"""The classes of records that have a retention of their own."""

from gateway.compliance.audit.streams import STREAMS

WIRE_LOG = "wire_log"

CLASSES: dict[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "orders": ("journal", "reports", "intents"),
    "decisions": ("decisions",),
    "venue_traffic": ("venue_calls",),
    "clock_readings": ("clock_readings",),
    "alerts": ("alerts", "state_changes"),
    WIRE_LOG: (),
}
"""By name, as the configuration has them: their tables. All of a row is sealed, so that an archive lacks nothing."""

TABLES = {table: name for name, tables in CLASSES.items() for table in tables}
"""The class of each table."""

_PROOF = ("seals", "digests")
"""Of the latter those of deleted records go with them."""

KEPT_ALWAYS = ("orders", "executions", "positions", *sorted(STREAMS.keys() - TABLES.keys() - {"executions"}), *_PROOF)
"""Tables of which nothing is ever deleted. Positions are reckoned from executions."""
