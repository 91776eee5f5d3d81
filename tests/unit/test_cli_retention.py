"""The commands about retention, and what others say of days that are archived."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.compliance.audit.keys import SealingKey
from gateway.compliance.audit.verify import Verified, verify
from gateway.compliance.derive.window import Window
from gateway.compliance.inject.record import has_the_beginning
from gateway.compliance.retention.ledger import day_since
from gateway.wire.records import Kind
from tests.fixtures.retention import NOW, Kept
from tests.fixtures.wire_logs import GrowingLog, whole

DAY = "2026-07-25"
Fixgw = Callable[..., str]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path)
    kept.seal()
    yield kept
    kept.database.dispose()


@pytest.fixture
def fixgw(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Fixgw:
    config = kept.directory / "gateway.toml"
    sandbox = (Path(__file__).parents[2] / "config" / "sandbox.toml").read_text()
    sandbox = re.sub(r'url = "sqlite.*"', f'url = "{kept.url}"', sandbox)
    sandbox = sandbox.replace('directory = "var"', f'directory = "{kept.directory}"')
    config.write_text(sandbox + "\n[retention]\nmessages = 5\norders = 5\ndecisions = 5\n")
    monkeypatch.setenv("FIXGW_AUDIT_KEY_FILE", str(kept.directory / "audit.key"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("time.time_ns", lambda: NOW)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_days_go_only_when_that_is_said(kept: Kept, fixgw: Fixgw) -> None:
    archive = ("retention", "archive", "--to", str(kept.to))
    before = kept.count("journal")
    shown = fixgw(*archive)
    assert "add --delete" in shown
    assert "5 days" in shown
    assert not kept.to.exists()
    assert kept.count("journal") == before
    told = fixgw(*archive, "--delete")
    assert f"{DAY}-orders: archived and verified" in told
    assert "bytes smaller" in told
    assert kept.count("journal") < before
    assert "nothing is due" in fixgw(*archive, "--delete")
    assert "the rest is in " in fixgw("audit", "verify")
    verified = fixgw("audit", "verify", "--archive", str(kept.to))
    assert "nothing was altered" in verified
    assert " archives, " in verified
    assert "nowhere: no such directory" in fixgw("audit", "verify", "--archive", str(kept.to / "nowhere"), code=2)
    (kept.to / f"{DAY}-orders").rename(kept.directory / "elsewhere")
    assert f"archive {DAY}-orders: missing in" in fixgw("audit", "verify", "--archive", str(kept.to), code=1)
    assert "no free room" in fixgw("db", "compact")
    assert '"command": "retention archive"' in (kept.directory / "access.jsonl").read_text()


def test_what_is_there_is_measured(kept: Kept, fixgw: Fixgw, monkeypatch: pytest.MonkeyPatch) -> None:
    too_few = [json.loads(line) for line in fixgw("retention", "show", "--json").splitlines()]
    assert {one["bytes_per_million_orders"] for one in too_few} == {None}
    said = f"what a million orders take is reckoned from 1,000 on; recorded so far: {kept.count('orders')} orders"
    shown = fixgw("retention", "show")
    assert said in shown
    assert "FOR A MILLION ORDERS" not in shown
    for module in ("gateway.compliance.retention.measure", "gateway.cli.retention"):
        monkeypatch.setattr(f"{module}.ENOUGH", 1)
    shown = fixgw("retention", "show")
    assert "for a million orders like those recorded: " in shown
    assert "FOR A MILLION ORDERS" in shown
    classes = {one["class"]: one for one in map(json.loads, fixgw("retention", "show", "--json").splitlines())}
    assert classes["orders"]["would_go"] > 0
    assert classes["orders"]["stay"]["of an order that goes on"] > 0
    assert classes["messages"]["records"] == kept.count("messages")
    assert classes["messages"]["bytes_per_million_orders"] > 1_000_000
    assert classes["venue_traffic"]["days"] is None
    whole = classes["messages"]["bytes_per_million_orders"]
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    after = {one["class"]: one for one in map(json.loads, fixgw("retention", "show", "--json").splitlines())}
    assert after["messages"]["archived_days"] == [DAY, "2026-07-26"]
    assert after["messages"]["bytes_per_million_orders"] > whole / 3, "reckoned with all that was ever recorded"


def test_holds_are_written_down_with_who_and_why(kept: Kept, fixgw: Fixgw) -> None:
    hold = ("retention", "hold")
    assert fixgw(*hold, "list").strip() == "no holds"
    fixgw(*hold, "add", "--date", DAY, "--account", "TRADING", "--reason", "case 17")
    fixgw(*hold, "add", "--reason", "everything")
    assert "case 17" in fixgw(*hold, "list")
    assert "nothing is due" in fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    for slip, says in (
        (("--account", "TRADNG"), "no account 'TRADNG'"),
        (("--order", "O999"), "no order has the OrderID 'O999'"),
        (("--reason", " "), "--reason: it is empty"),
    ):
        assert says in fixgw(*hold, "add", "--reason", "a slip", *slip, code=2)
    fixgw(*hold, "release", "2", "--reason", "settled")
    assert "no hold 2" in fixgw(*hold, "release", "2", "--reason", "again", code=2)
    assert "everything" not in fixgw(*hold, "list")
    told = fixgw(*hold, "list", "--all")
    assert "released" in told
    assert "settled" in told
    kept.seal(NOW + 1)
    kept.change("UPDATE holds SET reason = 'another' WHERE number = 1")
    assert "holds 1: changed" in fixgw("audit", "verify", code=1), "holds are sealed"


def test_commands_say_what_is_archived(kept: Kept, fixgw: Fixgw) -> None:
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    gone = "O3"
    assert kept.count("journal", f"order_id = '{gone}'") == 0
    assert f"orders of {DAY}" in fixgw("order", gone)
    assert "Archived" in json.loads(fixgw("order", gone, "--json"))["archived"]
    page = kept.directory / "order.html"
    fixgw("order", gone, "--html", str(page))
    assert f"orders of {DAY}" in page.read_text()
    name = kept.rows(["orders"])["orders"]
    first = next(row[3] for row in name if row[0] == gone)
    assert gone in fixgw("order", first), "found by its ClOrdID as well"
    assert "Archived" in fixgw("explain", gone, code=2)
    assert f"messages of {DAY} are archived" in fixgw("messages", "--date", DAY)
    into = ("--into", str(kept.directory / "export"))
    assert "would lack them" in fixgw("export", "records", "--date", DAY, *into, code=2)
    assert "would lack them" in fixgw("replay", "inject", "--date", DAY, code=2)
    assert "were not derived" in fixgw("replay", "derive")


def test_two_that_seal_at_once_make_one_seal(kept: Kept, fixgw: Fixgw, monkeypatch: pytest.MonkeyPatch) -> None:
    signs = SealingKey.sign

    def late(key: SealingKey, content: bytes) -> bytes:
        monkeypatch.setattr(SealingKey, "sign", signs)
        kept.seal()
        return signs(key, content)

    kept.change("INSERT INTO alerts (at, severity, code, text) VALUES (1, 'warning', 'X', '')")
    monkeypatch.setattr(SealingKey, "sign", late)
    assert fixgw("audit", "seal", code=2) == "not sealed: another process made a seal at the same moment\n"
    assert "0 new seals" in fixgw("audit", "seal")


def test_what_passes_while_it_is_verified_is_no_finding(
    kept: Kept, fixgw: Fixgw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQL is seen as it was at the beginning, the wire log as it is when its turn comes, which may be minutes later."""
    log = GrowingLog(kept.directory / "wire")
    clock = [NOW]
    monkeypatch.setattr("time.time_ns", lambda: clock[0])

    def in_no_hurry(*arguments: Any, **options: Any) -> Verified:
        verified = verify(*arguments, **options)
        for second in range(1, 60):
            log.put(Kind.IN, whole(b"8=FIX.4.4\x0135=0\x0134=%d\x0110=0\x01" % second), NOW + second * 10**9)
        clock[0] += 60 * 10**9
        return verified

    monkeypatch.setattr("gateway.cli.audit.verify_all", in_no_hurry)
    told = fixgw("audit", "verify", "--from", "2026-07-27", code=2)  # nothing is sealed of it; with findings it were 1
    assert "61 records of the wire log" in told


def exported(kept: Kept, into: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (kept.directory / into).glob("*.csv")}


def test_opened_days_are_read_as_they_were(kept: Kept, fixgw: Fixgw) -> None:
    order, gone = ("order", "O3", "--json"), ("messages", "--date", DAY, "--all", "--as", "raw")
    reads = (order, gone, ("explain", "O3", "--json"), ("orders", "--json"))
    before = [fixgw(*one) for one in reads]
    day = ("export", "records", "--date", DAY, "--into")
    fixgw(*day, str(kept.directory / "before"))
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    assert "fixgw retention open" in fixgw(*gone), "how to read them is said"
    file = kept.directory / "july.db"
    told = fixgw("retention", "open", str(kept.to), "--into", str(file))
    assert f"{DAY} orders: 109 records from archive {DAY}-orders (entry " in told
    assert "2026-07-26 decisions: 1 record from the gateway's database" in told
    database = ("--database", str(file))
    assert [fixgw(*one, *database) for one in reads] == before
    fixgw(*day, str(kept.directory / "after"), *database)
    assert exported(kept, "after") == exported(kept, "before")
    assert len(exported(kept, "after")) == 4
    lines = [json.loads(line) for line in (kept.directory / "access.jsonl").read_text().splitlines()]
    assert [line["command"] for line in lines[-6:]] == [
        "retention open",
        "order",
        "messages",
        "explain",
        "orders",
        "export",
    ]
    assert {line["asked"].get("database") for line in lines[-5:]} == {str(file)}
    assert "nix.db: no such file" in fixgw("orders", "--database", "nix.db", code=2)
    assert "is there already" in fixgw("retention", "open", str(kept.to), "--into", str(file), code=2)
    assert "--only 'wire_log'" in fixgw("retention", "open", str(kept.to), "--into", "x", "--only", "wire_log", code=2)


def test_what_an_opened_file_does_not_have_is_said(kept: Kept, fixgw: Fixgw) -> None:
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    file = str(kept.directory / "day.db")
    fixgw("retention", "open", str(kept.to), "--into", file, "--date", DAY)
    second = str(kept.directory / "second.db")
    fixgw("retention", "open", str(kept.to), "--into", second, "--date", "2026-07-26")
    database = ("--database", file)
    missing = "Not in this file: records of 2026-07-26; this order's story goes from 2026-07-25 to 2026-07-26."
    assert missing in fixgw("order", "O6", *database)
    assert "orders of 2026-07-26, decisions of 2026-07-26." in fixgw("explain", "O6", *database)
    assert "messages of 2026-07-26 are not in this file" in fixgw("messages", "--date", "2026-07-26", *database)
    assert f"this file has messages of {DAY}, and no others" in fixgw("messages", "--tag", "11=NIX", *database)
    into = ("--into", str(kept.directory / "export"))
    assert "would lack them" in fixgw("export", "records", "--date", "2026-07-26", *into, *database, code=2)
    whole_day = ("export", "rts24", "--date", DAY, *into)
    assert "this file does not have all days of 1 order (O6)" in fixgw(
        "export", "rts24", "--from", "2026-07-26", "--to", "2026-07-27", *into, "--database", second, code=2
    )
    assert "records in 1 file;" in fixgw(*whole_day, *database), "what comes of an order later is not asked for"
    only = str(kept.directory / "only.db")
    fixgw("retention", "open", str(kept.to), "--into", only, "--only", "messages", "--date", DAY)
    assert f"Not in this file: orders of {DAY}, decisions of {DAY}" in fixgw("order", "O3", "--database", only)
    assert "decisions of" in fixgw("explain", "O3", "--database", only, code=2)


def test_a_damaged_archive_is_not_opened(kept: Kept, fixgw: Fixgw) -> None:
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    (kept.to / f"{DAY}-orders" / "journal.jsonl.gz").write_bytes(b"")
    told = fixgw("retention", "open", str(kept.to), "--into", str(kept.directory / "july.db"), code=2)
    assert f"archive {DAY}-orders journal.jsonl.gz: changed" in told
    assert not list(kept.directory.glob("july.db*"))


@pytest.mark.parametrize(
    ("days", "orders", "left_out"),
    [([DAY, "2026-07-26"], 8, []), ([DAY], 6, ["O6"]), (["2026-07-26"], 1, ["O6"])],
)
def test_opened_days_are_derived_again(
    kept: Kept, fixgw: Fixgw, days: list[str], orders: int, left_out: list[str]
) -> None:
    """And no difference is shown that is none: of an order that went on elsewhere nothing is derived."""
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    file = kept.directory / "july.db"
    dates = [argument for day in days for argument in ("--date", day)]
    fixgw("retention", "open", str(kept.to), "--into", str(file), *dates)
    derive = ("replay", "derive", "--database", str(file))
    result = json.loads(fixgw(*derive, "--json"))
    assert (result["differences"], result["orders"], result["left_out"]) == (0, orders, left_out)
    assert result["positions"] is None
    if left_out:
        assert "days that this file does not have: O6" in fixgw(*derive)
    assert "decisions of 2026-07-27 are not in this file" in fixgw(*derive, "--date", "2026-07-27", code=2)


def test_what_does_not_come_of_the_archived_journal_is_named(kept: Kept, fixgw: Fixgw) -> None:
    """Orders and executions stay in the database: an archive tells that they were altered there."""
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    kept.change("UPDATE orders SET cum_qty = '0.9' WHERE order_id = 'O1'")
    file = kept.directory / "july.db"
    fixgw("retention", "open", str(kept.to), "--into", str(file), "--date", DAY)
    assert "orders O1: cum_qty: stored 0.9, derived 1" in fixgw("replay", "derive", "--database", str(file), code=1)


def test_days_apart_are_derived_without_what_is_between(kept: Kept, fixgw: Fixgw) -> None:
    kept.day.next_day()
    kept.day.new("Z", price="104")  # O9
    kept.day.trade("O4", "30", "1")  # of the first day, and not of the second
    kept.day.trade("O9", "31", "1", "104")
    kept.day.new("Y", price="105")  # O10: the newest stays where it is
    kept.day.asks_status("I")  # of the first day too, and nothing happened to it since
    kept.day.commit()
    kept.seal(NOW + 1)
    fixgw("retention", "archive", "--to", str(kept.to), "--delete")
    file = str(kept.directory / "apart.db")
    fixgw("retention", "open", str(kept.to), "--into", file, "--date", DAY, "--date", "2026-07-27")
    result = json.loads(fixgw("replay", "derive", "--database", file, "--json"))
    assert (result["differences"], result["left_out"]) == (0, ["O4", "O6"])
    assert result["orders"] == 7
    last = str(kept.directory / "last.db")
    fixgw("retention", "open", str(kept.to), "--into", last, "--date", "2026-07-27")
    result = json.loads(fixgw("replay", "derive", "--database", last, "--json"))
    assert (result["differences"], result["orders"], result["left_out"]) == (0, 2, ["O4"])
    told = fixgw("order", "O4", "--database", file)
    assert "Not in this file: records of 2026-07-26; this order's story goes from 2026-07-25 to 2026-07-27." in told


def test_what_is_sent_again_needs_what_came_and_went_then_and_all_that_was_before(kept: Kept, fixgw: Fixgw) -> None:
    def has_beginning() -> bool:
        with kept.database.connect() as connection:
            return has_the_beginning(connection, Window())

    at = day_since(DAY)
    kept.change(
        *(f"INSERT INTO alerts (at, severity, code, text) VALUES ({at + n}, 'warning', 'X', '')" for n in (0, 1))
    )
    kept.seal(NOW + 1)
    kept.archive(keep={"alerts": 5})
    assert f"alerts of {DAY} are archived" in fixgw("replay", "inject", "--date", DAY, code=2)
    assert has_beginning()
    kept.archive(keep={"orders": 5})
    assert not has_beginning(), "what is left of the journal begins later"
