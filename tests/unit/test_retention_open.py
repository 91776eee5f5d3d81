"""Archived days opened again: row for row what was in SQL, from archives that are verified, or nothing at all."""

import gzip
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from gateway.compliance.audit.streams import STREAMS
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.ledger import day_since
from gateway.compliance.retention.opened import IN_A_FILE, OpenedDay
from gateway.compliance.retention.opening import Opening
from gateway.engine.clock import DAY
from gateway.errors import ConfigError
from gateway.store.database import open_database, open_existing, open_for_reading
from gateway.store.rows import MessageRow
from gateway.store.tables import alerts, executions, messages
from tests.fixtures.retention import Kept

FIRST, SECOND = "2026-07-25", "2026-07-26"
OF_THE_DAY = ("messages", "journal", "reports", "intents", "decisions", "venue_calls", "alerts", "executions")
ALWAYS = ("orders", "limits", "sessions")


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(database_url, tmp_path)
    row = MessageRow(
        session="S", epoch=1, direction="in", msg_seq_num=2**62, msg_type="D", poss_dup=True, first_use=False,
        at=day_since(SECOND) + DAY - 1, cl_ord_id=None, order_id="é|\ud7ff", report_id=None,
        raw=bytes(range(256)) * 400,
    )  # fmt: skip
    with kept.database.begin() as connection:
        connection.execute(messages.insert().values(row._asdict()))
        connection.execute(executions.update().where(executions.c.trade_id == "1").values(last_qty=Decimal("0.4000")))
        connection.execute(alerts.insert().values(at=day_since(FIRST) + 1, severity="warning", code="X", text="x"))
    kept.seal()
    yield kept
    kept.database.dispose()


def day(name: str) -> Window:
    return Window(day_since(name), day_since(name) + DAY)


def opened(kept: Kept, *days: str, into: str = "opened.db", **options: Any) -> list[OpenedDay]:
    reading = open_for_reading(kept.url)
    try:
        opening = Opening(reading=reading, key=kept.key.public, archives=kept.to, into=kept.directory / into)
        return opening.run([day(name) for name in days], **options)
    finally:
        reading.dispose()


def rows(kept: Kept, *tables: str, into: str = "opened.db", until: str | None = None) -> dict[str, list[Any]]:
    where = "" if until is None else f" WHERE at < {day_since(until)}"
    with closing(sqlite3.connect(kept.directory / into)) as file:
        return {t: sorted(file.execute(f"SELECT * FROM {t}{where}"), key=str) for t in tables}


def as_before(kept: Kept, *tables: str, until: str | None = None) -> dict[str, list[Any]]:
    """What SQL has now, as it is in a file: whatever the database is."""
    copy = kept.directory / "before.db"
    target = open_database(f"sqlite:///{copy}", "sim")
    try:
        with kept.database.connect() as source, target.begin() as connection:
            for name in tables:
                table = messages.metadata.tables[name]
                if found := [row._asdict() for row in source.execute(table.select())]:
                    connection.execute(table.insert(), found)
    finally:
        target.dispose()
    return rows(kept, *tables, into="before.db", until=until)


def test_every_row_comes_back_as_it_was(kept: Kept) -> None:
    before = as_before(kept, *OF_THE_DAY, *ALWAYS)
    kept.archive()
    assert kept.count("messages") < len(before["messages"])
    done = opened(kept)
    assert rows(kept, *OF_THE_DAY, *ALWAYS) == before
    archived = {(one.day, one.record_class) for one in done if one.archive}
    assert {(FIRST, "messages"), (FIRST, "orders"), (FIRST, "decisions"), (SECOND, "messages")} <= archived
    from_sql = [(one.day, one.record_class) for one in done if one.records and not one.archive]
    assert (FIRST, "alerts") in from_sql, "what is not archived, as well"
    assert {one.record_class for one in done if one.day == FIRST} == set(IN_A_FILE)
    assert not list(kept.directory.glob("opened.db?*"))


def test_days_and_classes_are_chosen(kept: Kept) -> None:
    before = as_before(kept, "journal", "messages", until=SECOND)
    kept.archive()
    opened(kept, FIRST)
    assert rows(kept, "journal", "messages") == before
    done = opened(kept, SECOND, FIRST, into="two.db", classes=["messages"])
    assert [(one.day, one.record_class) for one in done] == [(FIRST, "messages"), (SECOND, "messages")]
    assert rows(kept, "journal", into="two.db") == {"journal": []}
    assert len(rows(kept, "messages", into="two.db")["messages"]) > len(before["messages"])
    with pytest.raises(ConfigError, match="nothing of these days is archived"):
        opened(kept, "2026-07-24", into="three.db")
    with pytest.raises(ConfigError, match="2026-09-01 is not sealed to its end yet"):
        opened(kept, FIRST, "2026-09-01", into="three.db")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_gateway_runs_on_it_and_nothing_is_written_to_it(kept: Kept) -> None:
    kept.archive()
    opened(kept)
    file = kept.directory / "opened.db"
    content, url = file.read_bytes(), f"sqlite:///{file}"
    for environment in ("sim", "sim archive"):
        with pytest.raises(ConfigError, match="a file of archived days, made by fixgw retention open"):
            open_database(url, environment, "test")
    with pytest.raises(ConfigError, match="nothing is written to it"):
        open_existing(url)
    with pytest.raises(ConfigError, match=r"opened\.db is there already"):
        opened(kept)
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(file)) as connection:
        about = dict(connection.execute("SELECT key, value FROM meta"))
    with kept.database.connect() as connection:
        was = {row.key: row.value for row in connection.execute(text("SELECT key, value FROM meta"))}
    assert about | {"environment": "sim archive"} == about
    assert (about["deployment"], about["instance"]) == (was["deployment"], was["instance"])


# --- refused


def nothing_is_left(kept: Kept) -> bool:
    return not list(kept.directory.glob("opened.db*")) and not list(kept.to.glob(".unpacked*"))


def repack(path: Path, old: bytes, new: bytes) -> None:
    content = gzip.decompress(path.read_bytes())
    assert old in content
    path.write_bytes(gzip.compress(content.replace(old, new, 1), mtime=0))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a record is changed": (
        lambda path: repack(path / f"{FIRST}-orders" / "journal.jsonl.gz", rb"\"0.6\"", rb"\"0.7\""),
        f"archive {FIRST}-orders journal.jsonl.gz: changed",
    ),
    "a file is cut": (
        lambda path: (path / f"{FIRST}-messages" / "messages.jsonl.gz").write_bytes(b""),
        f"archive {FIRST}-messages messages.jsonl.gz: changed",
    ),
    "it is not there": (lambda path: shutil.rmtree(path / f"{FIRST}-orders"), f"{FIRST}-orders is missing"),
    "it is another": (
        lambda path: shutil.copytree(path / f"{SECOND}-messages", path / f"{FIRST}-messages", dirs_exist_ok=True),
        f"{FIRST}-messages is not the archive that entry",
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_archive_is_named_and_nothing_is_left(kept: Kept, what: str) -> None:
    kept.archive()
    damage, named = DAMAGES[what]
    damage(kept.to)
    with pytest.raises(ConfigError, match=named):
        opened(kept)
    assert nothing_is_left(kept)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE alerts SET text = 'y' WHERE code = 'X'", f"the database, {FIRST}: alerts are not what seal 1"),
        ("UPDATE executions SET last_px = '1' WHERE trade_id = '1'", "executions are not what seal 1"),
        ("UPDATE archives SET content = REPLACE(content, 'ann', 'bob') WHERE number = 1", "archives 1: not signed"),
        ("UPDATE seals SET content = REPLACE(content, 'sim', 'sin') WHERE number = 1", "seal 1 is not what was signed"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_database_has_is_not_taken_where_it_was_altered(kept: Kept, statement: str, named: str) -> None:
    kept.archive()
    kept.change(statement)
    with pytest.raises(ConfigError, match=named):
        opened(kept)
    assert nothing_is_left(kept)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_schema_is_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.archive()
    stream = STREAMS["journal"]
    monkeypatch.setitem(STREAMS, "journal", stream._replace(columns=(*stream.columns, "shard")))
    with pytest.raises(ConfigError, match=f"archive {FIRST}-orders: journal were .* differs in: shard"):
        opened(kept)
    assert nothing_is_left(kept)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_leaves_nothing(kept: Kept) -> None:
    kept.archive()

    def fill(connection: Any, _record: Any) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2].endswith(".partial"):
            connection.execute("PRAGMA max_page_count = 70")

    event.listen(Engine, "connect", fill)
    try:
        with pytest.raises(DBAPIError, match="full"):
            opened(kept)
    finally:
        event.remove(Engine, "connect", fill)
    assert nothing_is_left(kept)
    assert opened(kept)
