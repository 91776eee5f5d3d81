"""fixgw messages, on an imported database and on one that is being written."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.store.batch import Batch
from gateway.store.database import open_database
from gateway.store.writer import BatchWriter
from tests.fixtures.logs import conversation, quickfix_log
from tests.fixtures.store_rows import MESSAGE, SESSION, STATE


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("imported")
    (directory / "it.log").write_bytes(quickfix_log(conversation()))
    result = run("replay", "import", directory / "it.log", "--into", directory / "it.db")
    assert result.exit_code == 0, result.output
    return directory / "it.db"


def run(*arguments: object) -> Result:
    return CliRunner(env={"TZ": "UTC"}).invoke(app, [str(argument) for argument in arguments])


def lines(database: Path, *arguments: object) -> list[str]:
    result = run("messages", "--database", database, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_the_table_is_decoded_and_hides_secrets(imported: Path) -> None:
    shown = lines(imported)
    assert len(shown) == 6
    assert "CLIENT     ──▶      2 NewOrderSingle ClOrdID=ABC Symbol=BTCUSDT Side=Buy(1) OrderQty=0.1" in shown[2]
    assert "CLIENT     ◀──      3 ExecutionReport ExecType=Trade(F) OrdStatus=Filled(2)" in shown[4]
    assert "hunter2" not in "".join(shown)


def test_conditions_and_pages(imported: Path) -> None:
    assert len(lines(imported, "--tag", "11=ABC", "--tag", "35=8")) == 2
    assert len(lines(imported, "--type", "ExecutionReport", "--type", "0")) == 3
    assert len(lines(imported, "--session", "CLIENT", "--direction", "in", "--text", "BTCUSDT")) == 1
    assert len(lines(imported, "--from", "2026-01-31T09:00:01", "--to", "2026-01-31T09:00:02")) == 3
    assert lines(imported, "--date", "2026-02-01") == ["no messages"]
    newest = run("messages", "--database", imported, "--limit", "2")
    assert newest.stderr == "earlier ones: --before 5; --limit N, or --all, for more at once\n"
    assert lines(imported, "--limit", "2", "--before", "5") == lines(imported)[2:4]
    assert lines(imported, "--limit", "2", "--after", "2") == lines(imported)[2:4]
    assert lines(imported, "--all", "--limit", "2") == lines(imported)


def test_raw_lines_are_read_by_an_import_again(imported: Path, tmp_path: Path) -> None:
    shown = lines(imported, "--all", "--as", "raw")
    assert shown[2].startswith("2026-01-31T09:00:01.000000000Z in 8=FIX.4.4|9=")
    (tmp_path / "raw.log").write_text("\n".join(shown))
    assert run("replay", "import", tmp_path / "raw.log", "--into", tmp_path / "again.db").exit_code == 0
    assert lines(tmp_path / "again.db", "--all", "--as", "raw") == shown


def test_json_and_csv(imported: Path) -> None:
    row = json.loads(lines(imported, "--as", "json", "--tag", "11=ABC")[0])
    assert (row["at"], row["msg_seq_num"], row["message"]) == ("2026-01-31T09:00:01.000000000Z", 2, "NewOrderSingle")
    assert row["fields"]["Price"] == "60000"
    head, first, *_ = csv.reader(io.StringIO("\n".join(lines(imported, "--all", "--as", "csv"))))
    assert dict(zip(head, first, strict=True))["direction"] == "in"
    assert "|554=*******|" in first[-1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--tag", "ABC"], "--tag 'ABC': write TAG=VALUE, such as 11=ABC\n"),
        (["--direction", "up"], "--direction 'up': in or out\n"),
        (["--before", "1", "--after", "1"], "give --before or --after, not both\n"),
        (
            ["--type", "ExecReport"],
            "--type 'ExecReport': no such message; write MsgType(35), such as 8, or a name, such as ExecutionReport\n",
        ),
        (["--session", "NIX"], "no session 'NIX'; there are: FIX.4.4:BROKER->CLIENT\n"),
    ],
)
def test_what_cannot_be_meant_is_one_line(imported: Path, arguments: list[str], problem: str) -> None:
    result = run("messages", "--database", imported, *arguments)
    assert (result.exit_code, result.stderr) == (2, problem)


def test_following_shows_what_is_written_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    engine = open_database(f"sqlite:///{path}", "sim")
    writer = BatchWriter(engine)
    raw = b"8=FIX.4.4\x0135=0\x0158=first\x01"
    writer.commit(Batch(messages=[MESSAGE._replace(raw=raw)], sessions={SESSION: STATE}))
    arguments = ["messages", "--database", str(path), "--follow", "--as", "raw", "--session", "DESK"]
    follower = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert follower.stdout is not None
        assert "58=first" in follower.stdout.readline()
        for number in (3, 4):
            more = MESSAGE._replace(msg_seq_num=number, raw=raw.replace(b"first", b"number %d" % number))
            writer.commit(Batch(messages=[more]))
            assert f"58=number {number}" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(20) == 0
    finally:
        follower.kill()
        follower.wait()
        writer.close()
        engine.dispose()
