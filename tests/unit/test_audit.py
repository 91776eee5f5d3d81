"""Whatever is done to the record after it was sealed is found, and the first of it is named."""

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.compliance.audit import sealing, verify
from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.keys import SealingKey, create_key, public_path, read_public_key, sealing_key
from gateway.compliance.audit.sealing import DAY, seal_all
from gateway.compliance.audit.seals import FILE_NAME, Seal, copied_seals
from gateway.compliance.audit.streams import STREAMS
from gateway.compliance.audit.verify import Verified
from gateway.errors import ConfigError
from gateway.store.database import open_database
from gateway.store.dialects import one_moment
from tests.fixtures.recorded import START, busy_day

NOW = START + 3 * DAY


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    database = open_database(database_url, "sim")
    yield database
    database.dispose()


@pytest.fixture
def key(tmp_path: Path) -> SealingKey:
    path = tmp_path / "audit.key"
    create_key(path)
    found = sealing_key({"FIXGW_AUDIT_KEY_FILE": str(path)})
    assert found is not None
    return found


def verified(database: Engine, key: SealingKey, **options: Any) -> tuple[Verified, list[Finding]]:
    found: list[Finding] = []
    with one_moment(database) as connection:
        return verify.verify(connection, key.public, found.append, **options), found


def count(database: Engine) -> int:
    with database.connect() as connection:
        return sum(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in STREAMS)


def run(database: Engine, *statements: str) -> None:
    with database.begin() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount, statement


def test_what_was_recorded_is_sealed_by_day_and_found_as_it_was(
    database: Engine, key: SealingKey, tmp_path: Path
) -> None:
    day = busy_day(database)
    made = seal_all(database, key, NOW, directory=tmp_path)
    assert [(seal.fields["day"], seal.fields["closes_day"]) for seal in made] == [
        ("2026-07-25", True),
        ("2026-07-26", True),
    ]
    assert not seal_all(database, key, NOW), "nothing is new"
    result, found = verified(database, key, copies=copied_seals(tmp_path))
    assert not found
    assert (result.records, result.unsealed) == (count(database), {})
    day.new("LATER")
    day.commit()
    assert sum(verified(database, key)[0].unsealed.values()) == 5, "journal twice, decision, intent, message"
    seal_all(database, key, NOW)
    result, found = verified(database, key)
    assert not found
    assert (result.seals, result.records) == (3, count(database))
    part, found = verified(database, key, since=NOW + 1)
    assert not found
    assert (part.seals, part.records) == (3, 0), "all seals, and the records of none"


def test_nobody_who_writes_waits_while_records_are_read(
    database: Engine, key: SealingKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer: sealing must not be it but for the moment in which the seal is written."""
    busy_day(database)
    take = sealing._take

    def take_slowly(*args: Any) -> Any:
        run(database, "UPDATE meta SET value = value")
        return take(*args)

    monkeypatch.setattr(sealing, "_take", take_slowly)
    assert seal_all(database, key, NOW)


def test_a_large_day_is_sealed_in_portions(database: Engine, key: SealingKey, monkeypatch: pytest.MonkeyPatch) -> None:
    busy_day(database)
    monkeypatch.setattr(sealing, "BLOCK", 3)
    monkeypatch.setattr(sealing, "_MOST", 7)
    made = seal_all(database, key, NOW)
    assert len(made) > 6
    assert sum(seal.fields["closes_day"] for seal in made) == 2
    result, found = verified(database, key)
    assert not found
    assert result.records == count(database)


JOURNAL = "order_id, event_type, at, payload"
TAMPERED = {
    "changed": (["UPDATE journal SET payload = REPLACE(payload, '\"0.6\"', '\"0.7\"') WHERE position = 5"],
                "journal 5: changed"),
    "a raw message changed": (["UPDATE messages SET raw = 'x' WHERE id = 4"], "messages 4: changed"),
    "deleted": (["DELETE FROM journal WHERE position = 5"], "journal 5: missing"),
    "the last one deleted": (["DELETE FROM venue_calls WHERE id = 1"], "venue_calls 1: missing"),
    "inserted": ([f"INSERT INTO journal SELECT 0, {JOURNAL} FROM journal WHERE position = 5"],
                 "journal 0: inserted: it was not there when this was sealed"),
    "swapped": (
        [
            "UPDATE journal SET position = -1 WHERE position = 2",
            "UPDATE journal SET position = 2 WHERE position = 6",
            "UPDATE journal SET position = 6 WHERE position = -1",
        ],
        "journal 2: reordered: it says what 6 said",
    ),
    "a decision": (["UPDATE decisions SET outcome = 'accept' WHERE order_id = 'O3'"], "decisions 21: changed"),
    "a limit": (["UPDATE limits SET value = '99' WHERE limit_id = 1"], "limits 1: changed"),
    "a time": (["UPDATE executions SET at = at + 1 WHERE position = 4"], "executions 4: changed"),
    "a report of nobody": (["UPDATE reports SET order_id = NULL WHERE report_id = 2"], "reports 2: changed"),
    "with its digest": (["UPDATE journal SET at = at + 1 WHERE position = 5",
                         "DELETE FROM digests WHERE stream = 'journal'"],
                        "journal position above 0 up to "),
    "a digest alone": (["DELETE FROM digests WHERE stream = 'journal'"], "digests journal: changed: the records are"),
    "a digest changed": (["UPDATE digests SET locators = zeroblob(length(locators)) WHERE stream = 'limits'"],
                         "digests limits: changed: the records are"),
    "a seal changed": (["UPDATE seals SET content = REPLACE(content, 'true', 'false') WHERE number = 1"],
                       "seals seal 1: not signed by the key"),
    "a seal gone": (["DELETE FROM seals WHERE number = 1"], "seals seal 2: seals 1 to 1 are missing"),
    "a seal of nonsense": (["UPDATE seals SET content = '{}' WHERE number = 1"], "seals seal 1: cannot be read"),
    "a seal renumbered": (["UPDATE seals SET number = 3 WHERE number = 2"], "seals seal 3: seals 2 to 2 are missing"),
    "all seals": (["DELETE FROM seals"], "seals : there are none"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_tampered_with_is_named_first(database: Engine, key: SealingKey, what: str) -> None:
    busy_day(database)
    if what == "the last one deleted":
        with database.begin() as connection:
            row = "1, 5, 'main', 'out', 'place', NULL, NULL, '{}'"
            connection.execute(text(f"INSERT INTO venue_calls VALUES ({row})"))
    statements, first = TAMPERED[what]
    seal_all(database, key, NOW)
    run(database, *statements)
    _, found = verified(database, key)
    assert found
    assert str(found[0]).startswith(first), "\n".join(map(str, found))


def test_swaps_are_found_on_postgresql_too(postgres_database: str, key: SealingKey) -> None:
    database = open_database(postgres_database, "sim")
    busy_day(database)
    seal_all(database, key, NOW)
    run(
        database,
        "UPDATE messages SET raw = (SELECT raw FROM messages AS other WHERE other.id = 11 - messages.id) "
        "WHERE id IN (5, 6)",
    )
    _, found = verified(database, key)
    assert [finding.which for finding in found] == ["5", "6"]
    assert found[0].text == "changed", "what else the two rows say stayed"
    database.dispose()


def test_only_the_key_can_seal(database: Engine, key: SealingKey, tmp_path: Path) -> None:
    busy_day(database)
    create_key(tmp_path / "other.key")
    forger = sealing_key({"FIXGW_AUDIT_KEY_FILE": str(tmp_path / "other.key")})
    assert forger is not None
    seal_all(database, forger, NOW)
    _, found = verified(database, key)
    assert {finding.text.split(" by ")[0] for finding in found} == {"not signed"}


def test_what_was_cut_off_is_told_by_a_copy_of_the_seals(database: Engine, key: SealingKey, tmp_path: Path) -> None:
    """Without one it is not: whoever takes seals and records away from the end leaves a shorter, whole record."""
    busy_day(database)
    seal_all(database, key, NOW, directory=tmp_path)
    first = next(seal for seal in copied_seals(tmp_path) if seal.number == 1).reached
    run(database, "DELETE FROM seals WHERE number = 2")
    with database.begin() as connection:
        for name, stream in STREAMS.items():
            last = first[name].last if name in first else 0
            connection.execute(text(f"DELETE FROM {name} WHERE {stream.key} > {last}"))
    assert not verified(database, key)[1]
    _, found = verified(database, key, copies=copied_seals(tmp_path))
    assert [str(finding) for finding in found] == ["seals seal 2: missing: there is a copy of it"]
    forged = [seal._replace(at=seal.at + 1) for seal in copied_seals(tmp_path)]
    (tmp_path / FILE_NAME).write_text("\n".join(json.dumps(Seal._asdict(seal)) for seal in forged))
    assert verified(database, key, copies=copied_seals(tmp_path))[1][0].text == "other than its copy"


def test_the_key_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    public = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_public_key(public_path(path)).key_id == public.key_id
    with pytest.raises(ConfigError, match="exists"):
        create_key(path)
    assert sealing_key({}) is None
    path.write_text("nonsense")
    with pytest.raises(ConfigError, match="cannot be used"):
        sealing_key({"FIXGW_AUDIT_KEY_FILE": str(path)})


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    database = open_database(url, "sim")
    busy_day(database)
    config = tmp_path / "gateway.toml"
    sandbox = (Path(__file__).parents[2] / "config" / "sandbox.toml").read_text()
    sandbox = sandbox.replace(re.search(r'url = "(.*)"', sandbox)[1], url)  # type: ignore[index]  # it is in it
    sandbox = sandbox.replace('directory = "var"', f'directory = "{tmp_path}"')
    config.write_text(f'{sandbox}\n[audit]\ndirectory = "{tmp_path / "audit"}"\n')
    key_file = tmp_path / "audit.key"

    def fixgw(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["audit", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    monkeypatch.delenv("FIXGW_AUDIT_KEY_FILE", raising=False)
    assert "no key" in fixgw("seal", "--config", str(config), code=2)
    fixgw("key", str(key_file))
    monkeypatch.setenv("FIXGW_AUDIT_KEY_FILE", str(key_file))
    assert "new seals" in fixgw("seal", "--config", str(config))
    assert "nothing was altered" in fixgw("verify", "--config", str(config), "--offline", str(tmp_path / "audit"))
    assert "nothing was altered" in fixgw("verify", "--config", str(config), "--date", "2026-07-26")
    for time in (("--date", "2026-07-27"), ("--date", "2026-07-24"), ("--to", "2026-07-25"), ("--from", "2026-07-27")):
        told = fixgw("verify", "--config", str(config), *time, code=2)
        assert "altered" not in told
        assert "nothing is sealed of that time" in told
        assert told.endswith("seals are of 2 days, 2026-07-25 to 2026-07-26\n")
    run(database, "DELETE FROM journal WHERE position = 5")
    monkeypatch.delenv("FIXGW_AUDIT_KEY_FILE")
    assert "which key?" in fixgw("verify", "--config", str(config), code=2)
    public = ("--public-key", str(public_path(key_file)))
    assert fixgw("verify", "--config", str(config), *public, code=1).startswith("journal 5: missing")
    database.dispose()
    assert "FIXGW_AUDIT_KEY_FILE" not in os.environ
