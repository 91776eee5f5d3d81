"""The wire log under the seals, and beside SQL: what was done to the files is found, and what one of the two lacks."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from gateway.compliance.audit.comparison import Finding
from gateway.compliance.audit.cross_check import CrossChecked, cross_check
from gateway.compliance.audit.keys import SealingKey, create_key, sealing_key
from gateway.compliance.audit.sealing import DAY, seal_all
from gateway.compliance.audit.seals import copied_seals
from gateway.compliance.audit.wire import WireHead, has_segments, verify_wire
from gateway.store.database import open_database
from gateway.store.tables import messages
from gateway.wire.records import Kind
from tests.fixtures.recorded import DESK, START, busy_day
from tests.fixtures.wire_logs import GrowingLog, whole

NOW = START + 3 * DAY
LOGON = b"8=FIX.4.4\x0135=A\x0134=1\x0149=DESK\x0156=FIXGW\x01554=%b\x0110=000\x01"


def turned(raw: bytes) -> bytes:
    """The message with its last two body fields in the other order."""
    *rest, last, end, check, nothing = raw.split(b"\x01")
    return b"\x01".join([*rest, end, last, check, nothing])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    database = open_database(f"sqlite:///{tmp_path / 'gateway.db'}", "sim")
    busy_day(database)
    with database.begin() as connection:  # as the engine has it: its secret masked
        row = f"1, 'in', 1, 'A', false, false, {START}, NULL, NULL, NULL"
        connection.execute(
            text(
                "INSERT INTO messages (session, epoch, direction, msg_seq_num, msg_type, poss_dup, first_use, at, "
                f"cl_ord_id, order_id, report_id, raw) VALUES ('{DESK}', {row}, :raw)"
            ),
            {"raw": LOGON % b"******"},
        )
    yield database
    database.dispose()


@pytest.fixture
def log(database: Engine, tmp_path: Path) -> GrowingLog:
    """All messages that SQL has, a little earlier or later, in two segments."""
    log = GrowingLog(tmp_path / "wire")
    log.put(Kind.IN, whole(LOGON % b"***"), START)
    with database.connect() as connection:
        rows = connection.execute(select(messages).where(messages.c.msg_type != "A").order_by(messages.c.id)).all()
    for number, row in enumerate(rows):
        if number == 10:
            log.begin()
        raw = whole(bytes(row.raw)) if row.direction == "out" else turned(whole(bytes(row.raw)))
        log.put(Kind.IN if row.direction == "in" else Kind.OUT, raw, row.at + 1_000)
    log.put(Kind.STOPPED, b"stopped", START + 2 * DAY)
    return log


def checked(
    database: Engine, log: GrowingLog, since: int = 0, until: int = NOW, **archived: int
) -> tuple[CrossChecked, list[str]]:
    found: list[Finding] = []
    with database.connect() as connection:
        result = cross_check(connection, log.directory, since, until, found.append, **archived)
    return result, [str(finding) for finding in found]


def run(database: Engine, statement: str) -> None:
    with database.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1, statement


def engine(database: Engine, at: int, state: str = "started") -> None:
    row = f"({at}, 'engine', '', '{state}', '')"
    run(database, f"INSERT INTO state_changes (at, what, name, state, text) VALUES {row}")


def test_both_tell_of_the_same_messages(database: Engine, log: GrowingLog) -> None:
    result, found = checked(database, log)
    assert not found
    with database.connect() as connection:
        assert result.matched == len(connection.execute(select(messages.c.id)).all())
    assert (result.masked, result.wire_alone, result.sql_alone) == (1, {}, {})


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE messages SET raw = CAST(REPLACE(raw, '38=5', '38=6') AS BLOB) "  # noqa: ISC004 -- one statement
            "WHERE cl_ord_id = 'F' AND msg_type = 'D'",
            ["35=D", "is in SQL and not in the wire log", "35=D", "is in the wire log and not in SQL"],
        ),
        (
            "DELETE FROM messages WHERE cl_ord_id = 'G' AND direction = 'in'",
            ["35=D", "is in the wire log and not in SQL"],
        ),
        (
            "UPDATE messages SET direction = 'in', msg_seq_num = 999 WHERE report_id = 2",
            ["is in SQL and not in the wire log"],
        ),
    ],
)
def test_what_one_of_them_lacks_is_named(database: Engine, log: GrowingLog, statement: str, said: list[str]) -> None:
    run(database, statement)
    found = "\n".join(checked(database, log)[1])
    for words in said:
        assert words in found
        found = found.partition(words)[2]


def test_what_the_session_layer_refused_is_classified(database: Engine, log: GrowingLog) -> None:
    at = START + DAY
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=D\x0134=900\x0158=x\x0110=0\x01"), at)
    log.put(Kind.OUT, whole(b"8=FIX.4.4\x0135=3\x0134=901\x0145=900\x0110=0\x01"), at)
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=D\x0134=7\x0143=Y\x0110=0\x01"), at)
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=A\x0134=1\x0110=0\x01"), at, connection=2)
    log.put(Kind.IN, b"GET / HTTP/1.1\r\n", at, connection=2)
    run(database, "UPDATE messages SET at = 5 WHERE report_id = 2")
    result, found = checked(database, log)
    assert result.wire_alone == {
        "refused by the session layer": 1,
        "seen before": 1,
        "never logged on": 1,
        "no whole message": 1,
        "unexplained": 1,
    }
    assert len(found) == 1, "the Reject itself, which SQL should have"
    log.put(Kind.LOST, b"3 records", at)
    run(database, f"UPDATE messages SET raw = 'x', at = {at} WHERE report_id = 3")
    run(database, "UPDATE messages SET raw = 'x', at = 6 WHERE report_id = 4")
    assert checked(database, log)[0].sql_alone == {"at a gap of the wire log": 1, "before the wire log begins": 1}


def test_what_came_above_a_gap_and_was_filled_over_is_no_finding(database: Engine, log: GrowingLog) -> None:
    at = START + DAY
    fill = whole(b"8=FIX.4.4\x0135=4\x0134=899\x0149=DESK\x0143=Y\x0136=901\x01123=Y\x0110=0\x01")
    for sender in (b"DESK", b"OTHER"):
        log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=0\x0134=900\x0149=%b\x0110=0\x01" % sender), at)
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=0\x0134=901\x0149=DESK\x0110=0\x01"), at)
    log.put(Kind.IN, fill, at + 1)
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=0\x0134=899\x0149=DESK\x0110=0\x01"), at + 2)
    result, found = checked(database, log)
    assert result.wire_alone == {"not consumed, and filled over": 1, "seen before": 1, "unexplained": 3}
    assert len(found) == 3, "another session's, one beyond the fill, and one that came after it"


def test_a_logon_that_the_engine_answers_with_a_logout_is_in_the_wire_log_alone(
    database: Engine, log: GrowingLog
) -> None:
    at = START + DAY
    logon, logout = (whole(b"8=FIX.4.4\x0135=%b\x0134=37\x0110=0\x01" % kind) for kind in (b"A", b"5"))
    for connection, answer in ((2, logout), (3, b"")):
        log.put(Kind.IN, logon, at, connection)
        log.put(Kind.LOGON, b"Logon let in", at, connection)
        if answer:
            log.put(Kind.OUT, answer, at, connection)
    result, found = checked(database, log)
    assert result.wire_alone == {"refused by the session layer": 1, "unexplained": 2}
    assert len(found) == 2, "the Logout itself, which SQL should have, and the Logon that nothing answered"


def test_the_two_halves_of_a_message_may_be_on_both_sides_of_a_window_s_edge(database: Engine, log: GrowingLog) -> None:
    with database.connect() as connection:
        taken = connection.execute(select(messages).where(messages.c.direction == "in").order_by(messages.c.id)).all()
        count = len(connection.execute(select(messages.c.id)).all())
    middle = taken[len(taken) // 2]
    edge = middle.at + 500  # SQL has it before, the wire log 500 ns after
    before, after = checked(database, log, 0, edge), checked(database, log, edge, NOW)
    assert not before[1]
    assert not after[1]
    assert before[0].matched + after[0].matched > count, "it is in both windows"
    assert before[0].masked + after[0].masked == 1
    run(database, f"UPDATE messages SET raw = 'x' WHERE id = {middle.id}")
    assert len(checked(database, log, 0, edge)[1]) == 1
    assert len(checked(database, log, edge, NOW)[1]) == 1


def test_what_an_engine_took_to_its_grave_is_no_finding(database: Engine, log: GrowingLog) -> None:
    """A killed engine commits nothing more: the last words of its connections are in the wire log alone."""
    at = START + DAY

    engine(database, START - 1)
    last = [whole(b"8=FIX.4.4\x0135=D\x0134=%d\x0110=0\x01" % number) for number in (901, 902)]
    log.put(Kind.IN, last[0], at)
    log.put(Kind.OUT, whole(b"8=FIX.4.4\x0135=8\x0134=901\x0110=0\x01"), at)
    log.put(Kind.CLOSED, b"the engine closed the connection", at + 1)
    assert checked(database, log)[0].wire_alone == {"unexplained": 2}, "no engine began since, so none died"
    assert not checked(database, log, states_archived_until=at + 1)[1], "one may have, and that is archived"
    assert len(checked(database, log, states_archived_until=at)[1]) == 2
    engine(database, at + 2)
    result, found = checked(database, log)
    assert not found
    assert result.wire_alone == {"not committed when the engine died": 2}

    log.put(Kind.LOGON, b"Logon let in", at + 3, connection=2)
    log.put(Kind.IN, last[1], at + 3, connection=2)
    log.put(Kind.CLOSED, b"gone", at + 4, connection=2)
    engine(database, at + 5, "stopped")
    engine(database, at + 6)
    assert len(checked(database, log)[1]) == 1, "an engine that was stopped had committed all"

    assert not checked(database, log, states_archived_until=at + 5)[1]
    log.put(Kind.IN, whole(LOGON % b"***").replace(b"34=1", b"34=2"), at)  # a later one, which SQL has
    run(database, "UPDATE messages SET raw = REPLACE(raw, '34=1', '34=2') WHERE msg_type = 'A'")
    assert len(checked(database, log)[1]) == 3, "what came before something that was committed was not lost with it"


@pytest.mark.parametrize(("lived_on", "findings"), [(1, 0), (61, 1)])
def test_an_engine_takes_no_more_than_its_last_moments_with_it(
    lived_on: int, findings: int, database: Engine, log: GrowingLog
) -> None:
    at, second = START + DAY, 10**9
    engine(database, at + 100 * second)  # its start is archived, and whether it ended by a stop
    log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=D\x0134=901\x0110=0\x01"), at)
    log.put(Kind.CLOSED, b"the engine closed the connection", at + lived_on * second)
    assert len(checked(database, log, states_archived_until=START)[1]) == findings


# --- the files


@pytest.fixture
def key(tmp_path: Path) -> SealingKey:
    create_key(tmp_path / "audit.key")
    found = sealing_key({"FIXGW_AUDIT_KEY_FILE": str(tmp_path / "audit.key")})
    assert found is not None
    return found


def problems(directory: Path, tmp_path: Path) -> list[str]:
    found: list[Finding] = []
    verify_wire(directory, copied_seals(tmp_path), found.append)
    return [str(finding) for finding in found]


def test_seals_say_what_the_wire_log_had_come_to(
    database: Engine, log: GrowingLog, key: SealingKey, tmp_path: Path
) -> None:
    head = WireHead(log.directory)
    assert WireHead(tmp_path / "nowhere")() is None
    seal_all(database, key, NOW, directory=tmp_path, wire_head=head)
    assert not seal_all(database, key, NOW, directory=tmp_path, wire_head=head), "nothing is new"
    log.put(Kind.CLOSED, b"gone", NOW)
    assert len(seal_all(database, key, NOW, directory=tmp_path, wire_head=head)) == 1
    assert has_segments(log.directory)
    assert not problems(log.directory, tmp_path)
    whole_log = tmp_path / "whole"
    shutil.copytree(log.directory, whole_log)
    first, second = sorted(log.directory.iterdir())

    data = bytearray(second.read_bytes())
    data[data.index(b"35=8") + 3] = ord("9")
    second.write_bytes(data)
    assert "was changed, or what was before it" in problems(log.directory, tmp_path)[0]

    second.write_bytes((whole_log / second.name).read_bytes()[:-200])
    assert any("missing: seal 3 says there was one" in line for line in problems(log.directory, tmp_path))

    second.unlink()
    assert any("missing: seal" in line for line in problems(log.directory, tmp_path))

    first.rename(first.with_name(second.name))
    shutil.copy(whole_log / second.name, first)
    assert problems(log.directory, tmp_path), "segments that were swapped"


def test_a_log_that_was_chained_anew_is_not_what_was_sealed(
    database: Engine, log: GrowingLog, key: SealingKey, tmp_path: Path
) -> None:
    seal_all(database, key, NOW, directory=tmp_path, wire_head=WireHead(log.directory))
    number = log.encoder.number
    forged = GrowingLog(tmp_path / "forged")
    while forged.encoder.number < number:
        forged.put(Kind.IN, b"other words", START)
    found = problems(forged.directory, tmp_path)
    assert found == [
        f"wire log record {number}: it, or one before it, is other than seal 2 says; all were chained anew"
    ]


def test_what_was_answered_and_told_before_an_engine_died_was_committed(database: Engine, log: GrowingLog) -> None:
    """The end of the record, cut off before it was sealed: the client has answers that only a commit lets out."""
    at = START + DAY
    engine(database, START - 1)
    for number, (kind, words) in enumerate(
        (
            (Kind.IN, b"35=D\x0111=cut-1"),
            (Kind.OUT, b"35=8\x0111=cut-1\x0117=987654"),
            (Kind.OUT, b"35=8\x0111=cut-1\x0117=0"),  # a status
            (Kind.OUT, b"35=8\x0111=cut-1\x0117=1"),  # the journal has it
            (Kind.IN, b"35=F\x0111=lost-1"),
            (Kind.IN, b"35=H\x0111=cut-1"),
        ),
        start=901,
    ):
        log.put(kind, whole(b"8=FIX.4.4\x01%b\x0134=%d\x0149=A\x0110=0\x01" % (words, number)), at)
    log.put(Kind.CLOSED, b"the engine closed the connection", at + 1)
    engine(database, at + 2)
    result, found = checked(database, log)
    assert result.wire_alone == {"unexplained": 2, "not committed when the engine died": 4}
    assert ["34=901" in found[0], "34=902" in found[1], len(found)] == [True, True, 2]
