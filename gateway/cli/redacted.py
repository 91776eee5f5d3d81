"""An order's story without what the configuration keeps back, for who is handed it."""

from collections.abc import Collection
from dataclasses import replace

from gateway.cli.story import Entry
from gateway.wire.tags import ORD_STATUS


def redacted(entry: Entry, tags: Collection[int]) -> Entry:
    """What happened, without its words: they quote quantities, prices and accounts in forms of their own.

    FIX messages stay as they are: they were told without the values of these tags.
    """
    if entry.kind.startswith("FIX"):
        return entry
    return replace(entry, text=_bare(entry, tags), notes=(), details={})


def _bare(entry: Entry, tags: Collection[int]) -> str:
    told = entry.details
    if entry.kind == "decision":
        return f"denied: {told['code']}" if told["outcome"] == "deny" else "risk passes"
    if entry.kind == "event":
        state = told["state"]
        return f"{told['event']} → {state['ord_status']}" if state and ORD_STATUS not in tags else str(told["event"])
    return str(told["code"] if entry.kind == "alert" else told["operation"])
