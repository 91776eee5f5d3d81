"""Days that are archived and deleted: the record still proves itself, and nothing is lost however it is cut short."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.sealing import DAY
from gateway.compliance.derive.run import derive
from gateway.compliance.derive.window import Window
from gateway.compliance.retention.archive import MANIFEST, SIGNATURE, read_records
from gateway.compliance.retention.check import check_archive
from gateway.compliance.retention.holds import HoldRow, add_hold, release_hold
from gateway.errors import ConfigError
from gateway.fix.codec import Codec
from gateway.store.queries import order_story
from gateway.store.tables import messages, metadata, orders
from tests.fixtures.recorded import DESK, START
from tests.fixtures.retention import KEEP, NOW, Kept

GOING = ("journal", "reports", "intents", "messages", "decisions")
ALL_TIME = Window()
SIX, SEVEN = rb"\"0.6\"", rb"\"0.7\""
ORDERS, MESSAGES = "2026-07-25-orders", "2026-07-25-messages"


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(database_url, tmp_path)
    kept.seal()
    yield kept
    kept.database.dispose()


def archived(kept: Kept, table: str) -> set[int]:
    """Keys of the table's records that the archives have."""
    paths = [path for path in kept.to.glob("2026*") if (path / f"{table}.jsonl.gz").exists()]
    return {key for path in paths for key, _ in read_records(path, table)}


def keys(rows: list[tuple[Any, ...]]) -> set[int]:
    return {row[0] for row in rows}


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def hold(kept: Kept, *, account: str = "", session: str = "", order: str = "", span: Window = ALL_TIME) -> int:
    with kept.database.begin() as connection:
        row = HoldRow(0, NOW, "", 0, span.since, span.until, account, session, order, 1, "ann", "case 17")
        return add_hold(connection, row).number


def in_use(kept: Kept) -> set[str]:
    """Orders that are open, or went on after the day."""
    with kept.database.connect() as connection:
        rows = connection.execute(select(orders))
        return {row.order_id for row in rows if row.is_open or row.is_unknown or row.updated_at > START + DAY}


def test_what_is_over_goes_and_the_record_still_proves_itself(kept: Kept) -> None:
    before = kept.rows(GOING)
    other = [name for name in metadata.tables if name not in (*GOING, "archives", "digests")]
    untouched = kept.rows(other)
    with kept.database.connect() as connection:
        stories = {one: order_story(connection, one) for one in in_use(kept)}
    assert stories
    done = kept.archive()
    assert {one.record_class for one in done} == {"orders", "messages", "decisions"}
    assert sum(one.records for one in done) > 30
    assert kept.rows(other) == untouched
    with kept.database.connect() as connection:
        assert {one: order_story(connection, one) for one in in_use(kept)} == stories, "whole stories, as they were"
    result, found = kept.verified()
    assert not found
    assert result.archived == sum(one.records for one in done)
    assert len(result.entries) == len(done)
    for table in GOING:
        left = kept.rows([table])[table]
        assert set(map(str, left)) < set(map(str, before[table]))
        assert archived(kept, table) | keys(kept.rows([table])[table]) == keys(before[table])
    assert kept.archive() == [], "nothing more is due"
    kept.seal(NOW + DAY)
    assert kept.verified() == (kept.verified()[0], []), "the entries are sealed like all records"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_order_that_ended_goes_later(kept: Kept) -> None:
    """What was kept of an archived day goes when nothing needs it any more."""
    kept.archive()
    stayed = kept.count("journal")
    kept.change(f"UPDATE orders SET is_open = false, is_unknown = false, updated_at = {START} WHERE order_id <> 'O9'")
    done = kept.archive()
    assert done
    assert kept.count("journal") < stayed
    assert not kept.verified()[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_same_day_gives_the_same_bytes(kept: Kept) -> None:
    def at_named(name: str) -> None:
        if name == "named":
            raise InterruptedError

    for run in ("run0", "run1"):
        with pytest.raises(InterruptedError):
            kept.archive(at_named)
        kept.to.rename(kept.directory / run)
    first, second = (files(kept.directory / run) for run in ("run0", "run1"))
    assert first == second
    assert len(first) > 3


@pytest.mark.parametrize(
    ("named", "stays"),
    [
        ({"order": "O1"}, "order_id = 'O1' OR order_id IS NULL"),
        ({"account": "TRADING"}, "1 = 1"),
        ({"account": "OTHER"}, "order_id IS NULL"),
        ({"session": DESK}, f"session = '{DESK}'"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_held_stays_until_it_is_released(kept: Kept, named: dict[str, Any], stays: str) -> None:
    where = f"at < {START + DAY} AND ({stays})"
    held = {table: kept.count(table, where) for table in ("messages", "reports")}
    number = hold(kept, **named)
    kept.archive()
    assert {table: kept.count(table, where) for table in held} == held
    assert not kept.verified()[1]
    with kept.database.begin() as connection:
        release_hold(connection, number, NOW, 1, "ann", "settled")
    kept.archive()
    assert sum(kept.count(table, where) for table in held) < sum(held.values())
    assert not kept.verified()[1]
    with kept.database.begin() as connection, pytest.raises(ConfigError, match="no hold"):
        release_hold(connection, number, NOW, 1, "ann", "again")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_held_day_is_not_even_archived(kept: Kept) -> None:
    hold(kept, span=Window(START - DAY, START + 3 * DAY))
    assert kept.archive() == []
    assert not list(kept.to.glob("2026*"))
    assert kept.count("archives") == 0


def test_a_hold_stops_what_is_under_way(kept: Kept) -> None:
    def add(name: str) -> None:
        if name == "begun" and not kept.count("holds"):
            hold(kept)

    before = kept.rows(GOING)
    with pytest.raises(ConfigError, match="a hold was added"):
        kept.archive(add)
    assert kept.rows(GOING) == before
    assert not kept.verified()[1], "an entry was begun"
    assert [one.records for one in kept.archive()] == [0], "it is ended without deleting anything"
    assert kept.rows(GOING) == before
    assert not kept.verified()[1]


# --- tampering

LEFT = "(SELECT min(position) FROM journal)"
IN_THE_DATABASE = {
    "what was left is changed": ["UPDATE journal SET at = at + 1 WHERE position = {left}"],
    "what was left is deleted": ["DELETE FROM journal WHERE position = {left}"],
    "one is put in": ["INSERT INTO journal SELECT {gone}, order_id, event_type, at, payload FROM journal LIMIT 1"],
    "one for the other": ["UPDATE journal SET position = {gone} WHERE position = {left}"],
    "an entry is changed": ["UPDATE archives SET content = REPLACE(content, '\"kept\"', '\"kepd\"') WHERE number = 2"],
    "an entry says another day": ["UPDATE archives SET day = '2026-07-24' WHERE number = 2"],
    "all entries are deleted": ["DELETE FROM archives"],
}  # fmt: skip


NAMED = {
    "what was left is changed": "journal {left}: changed",
    "what was left is deleted": "journal {left}: missing",
    "one is put in": "journal {gone}: inserted",
    "an entry is changed": "archives 2: not signed",
    "an entry says another day": "archives 2: signed as",
}


@pytest.mark.parametrize("what", IN_THE_DATABASE)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_tampering_with_what_is_left_is_found(kept: Kept, what: str) -> None:
    there = keys(kept.rows(["journal"])["journal"])
    kept.archive()
    kept.seal(NOW + DAY)
    here = keys(kept.rows(["journal"])["journal"])
    left = min(here)
    gone = min(there - here)
    kept.change(*(one.format(left=left, gone=gone) for one in IN_THE_DATABASE[what]))
    found = kept.verified()[1]
    assert found
    assert found[0].startswith(NAMED.get(what, "").format(left=left, gone=gone))
    kept.change("UPDATE orders SET is_open = false, is_unknown = false")
    if "entr" not in what and "changed" not in what:
        with pytest.raises(ConfigError, match="audit verify names them"):
            kept.archive()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_not_as_it_was_sealed_is_not_archived(kept: Kept) -> None:
    kept.change("UPDATE journal SET at = at + 1 WHERE position = 5")
    before = kept.rows(GOING[:3])
    with pytest.raises(ConfigError, match="not what seal 1 was made of"):
        kept.archive(keep={"orders": 5})
    assert kept.rows(GOING[:3]) == before
    kept.change("DELETE FROM journal WHERE position = 5")
    with pytest.raises(ConfigError, match="missing"):
        kept.archive(keep={"orders": 5})


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    content = gzip.decompress(path.read_bytes())
    assert old in content
    path.write_bytes(gzip.compress(content.replace(old, new, 1), mtime=0))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_tampering_with_an_archive_is_found(kept: Kept) -> None:
    kept.archive()
    whole = kept.to / ORDERS

    def problems(change: Callable[[Path], object]) -> list[str]:
        copy = kept.directory / "copy" / ORDERS
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(whole, copy)
        change(copy)
        found: list[Finding] = []
        check_archive(copy, kept.key.public, found.append)
        return [str(finding) for finding in found]

    def drop_line(copy: Path) -> None:
        lines = gzip.decompress((copy / "journal.jsonl.gz").read_bytes()).splitlines(keepends=True)
        (copy / "journal.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:3] + lines[4:]), mtime=0))

    def with_its_hash(copy: Path) -> None:
        rewrite(copy / "journal.jsonl.gz", SIX, SEVEN)
        manifest = json.loads((copy / MANIFEST).read_text())
        for file in manifest["files"]:
            file["sha256"] = hashlib.sha256((copy / file["name"]).read_bytes()).hexdigest()
        (copy / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")

    assert problems(lambda _: None) == []
    changed = problems(lambda copy: rewrite(copy / "journal.jsonl.gz", SIX, SEVEN))
    assert "changed: not the file that the manifest names" in changed[0]
    assert "not what seal 1 was made of" in changed[1]
    assert len(problems(drop_line)) == 2
    assert "not signed by the key" in problems(with_its_hash)[0]
    assert "missing" in problems(lambda copy: (copy / "reports.jsonl.gz").unlink())[0]
    assert "not of this archive" in problems(lambda copy: (copy / "more").touch())[0]
    assert "cannot be read" in problems(lambda copy: (copy / SIGNATURE).write_text("{}"))[0]
    assert "cannot be read" in problems(shutil.rmtree)[0]
    assert problems(lambda copy: rewrite(copy / "seals.jsonl.gz", b"true", b"false"))
    other = kept.to / MESSAGES / "seals.jsonl.gz"
    assert problems(lambda copy: (copy / "reports.jsonl.gz").write_bytes(other.read_bytes()))
    assert problems(lambda copy: (copy / "reports.jsonl.gz").write_bytes(b"nonsense"))

    kept.change("UPDATE orders SET is_open = false, is_unknown = false")
    rewrite(whole / "journal.jsonl.gz", SIX, SEVEN)
    with pytest.raises(ConfigError, match="nothing was deleted"):
        kept.archive()
    whole.rename(kept.directory / "elsewhere")
    with pytest.raises(ConfigError, match="is missing"):
        kept.archive()


# --- cut short

STEPS = ["written 1", "named 2", "begun 1", "some 2", "deleted 1", "done 1"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_kill_at_any_step_loses_nothing(kept: Kept) -> None:
    """One after the other in the same database: each run meets what the one before has left."""
    before = kept.rows(GOING)
    for step in STEPS:
        code = [sys.executable, "-m", "tests.fixtures.retention", kept.url, str(kept.directory), *step.split()]
        ended = subprocess.run(code, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        assert ended.returncode == -9, (step, ended.stderr)
        assert not kept.verified()[1], step
    kept.archive()
    assert not kept.verified()[1]
    assert kept.archive() == []
    for table in GOING:
        assert archived(kept, table) | keys(kept.rows([table])[table]) == keys(before[table])
    assert not list(kept.to.glob("*.part"))


@pytest.mark.parametrize("nth", [2])
def test_what_was_cut_short_while_deleting_is_only_what_was_to_go(kept: Kept, nth: int) -> None:
    def at(name: str, passed: list[str] = []) -> None:  # noqa: B006 -- counts the calls
        passed.append(name)
        if passed.count("some") == nth:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        kept.archive(at)
    assert not kept.verified()[1]
    with kept.database.connect() as connection:
        left = connection.execute(select(messages.c.id).order_by(messages.c.id)).scalars().all()
    assert left
    kept.archive()
    assert not kept.verified()[1]


def test_derive_and_numbers_go_on(kept: Kept) -> None:
    kept.archive(keep=KEEP)
    found: list[object] = []
    with kept.database.connect() as connection:
        derive(connection, Codec(), Window(), 0, found.append)
    assert found == []
