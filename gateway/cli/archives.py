"""Archives under `fixgw audit verify`: each read back, and held against what the database says."""

from collections.abc import Callable, Collection
from pathlib import Path

import typer

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.keys import PublicKey
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.archive import MANIFEST, UNFINISHED
from gateway.compliance.retention.check import check_archive
from gateway.compliance.retention.ledger import Entry, day_since
from gateway.domain.wording import counted
from gateway.engine.clock import DAY


def show_archives(
    directory: Path, key: PublicKey, found: Callable[[Finding], None], window: Window, entries: Collection[Entry]
) -> None:
    """Verify those of the window's days. entries: what the database says was archived; each must be there."""
    known = {entry.name: entry for entry in entries if overlaps(entry.day, window)}
    found_here = (path.parent for path in directory.glob(f"*/{MANIFEST}"))
    there = {path.name: path for path in found_here if path.suffix != UNFINISHED}
    records = wire_records = count = 0
    for name in sorted(known.keys() | there.keys()):
        entry, path = known.get(name), there.get(name)
        if path is None:
            found(Finding("archive", name, f"missing in {directory}"))
            continue
        if entry is None and not overlaps(name[:10], window):
            continue
        checked = check_archive(path, key, found)
        if entry is not None and entry.manifest != checked.manifest:
            found(Finding(f"archive {name}", MANIFEST, f"not the one that entry {entry.number} of archives names"))
        count, records, wire_records = count + 1, records + checked.records, wire_records + checked.wire_records
    typer.echo(
        f"{counted(count, 'archive')}, {counted(records, 'record')} and {wire_records:,} of the wire log hashed again"
    )


def overlaps(day: str, window: Window) -> bool:
    """Whether some of the UTC day is looked at; of what is none, such as another archive's name, it may be."""
    try:
        since = day_since(day)
    except ValueError:
        return True
    return since < window.until and window.since < since + DAY
