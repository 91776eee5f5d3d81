"""Log lines: one an event with a head of its own, whole even when several processes share the file, or JSON."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal, DivisionByZero
from pathlib import Path

import pytest
from loguru import logger

from gateway import logs
from gateway.config import LogConfig
from gateway.errors import ConfigError
from gateway.logs import check_log_file, info_lines, setup_logging

HEAD = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z INFO    engine "


@pytest.fixture(autouse=True)
def _logger_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_info", logger.info)
    yield
    logger.remove()
    logger.add(sys.stderr)


def test_every_line_of_a_message_has_its_own_head(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "new" / "a.log"), "engine")
    logger.info("OrderReceived order_id=O1\nOrderFilled order_id=O1 {}", "{}")
    first, second = (tmp_path / "new" / "a.log").read_text().splitlines()
    assert re.fullmatch(HEAD + "OrderReceived order_id=O1", first)
    assert re.fullmatch(HEAD + "OrderFilled order_id=O1 {}", second)


def test_lines_of_orders_look_like_all_others(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "a.log"), "engine")
    info_lines(lambda: "OrderReceived order_id=O1\nOrderFilled order_id=O1 {}")
    first, second = (tmp_path / "a.log").read_text().splitlines()
    assert re.fullmatch(HEAD + "OrderReceived order_id=O1", first)
    assert re.fullmatch(HEAD + "OrderFilled order_id=O1 {}", second)


def test_a_log_that_cannot_be_written_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(LogConfig(file=Path("/dev/full")), "engine")
    info_lines(lambda: "OrderReceived order_id=O1")
    logger.info("session on")
    assert capsys.readouterr().err.count("--- End of logging error ---") == 2, "it is told where it can be"


def test_an_exceptions_traceback_is_in_the_same_shape(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "a.log"), "front")
    try:
        Decimal(1) / 0
    except DivisionByZero:
        logger.exception("failed connection=7")
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert all(" ERROR   front  " in line for line in lines)
    assert lines[0].endswith("failed connection=7")
    assert lines[-1].endswith("[<class 'decimal.DivisionByZero'>]")


def test_the_level_is_kept(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "a.log", level="WARNING"), "run")
    logger.info("not this")
    info_lines(lambda: pytest.fail("nor is this made"))
    logger.warning("this")
    assert (tmp_path / "a.log").read_text().splitlines()[0].endswith("run    this")


def test_json_lines_have_the_ids_as_keys(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "a.log", json_lines=True), "engine")
    logger.info('OrderFilled order_id=O7 session=FIX.4.4:A->B text="two words"\nOrderDone order_id=O8')
    first, second = (json.loads(line) for line in (tmp_path / "a.log").read_text().splitlines())
    assert (first["order_id"], first["session"], first["text"]) == ("O7", "FIX.4.4:A->B", "two words")
    assert (first["level"], first["process"]) == ("INFO", "engine")
    assert second["order_id"] == "O8"


def test_text_that_has_no_utf_8_is_escaped(tmp_path: Path) -> None:
    setup_logging(LogConfig(file=tmp_path / "a.log"), "engine")
    logger.info("caf\udce9")
    assert (tmp_path / "a.log").read_text().endswith("caf\\udce9\n")


def test_processes_that_share_a_file_do_not_mix_their_lines(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from loguru import logger
from gateway.config import LogConfig
from gateway.logs import setup_logging

setup_logging(LogConfig(file=Path(sys.argv[1])), sys.argv[2])
for number in range(40):
    logger.info("\\n".join(f"{sys.argv[2] * 300} {number}" for _ in range(200)))
"""
    file = tmp_path / "shared.log"
    writers = [subprocess.Popen([sys.executable, "-c", program, str(file), name]) for name in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    lines = file.read_text().splitlines()
    assert len(lines) == 2 * 40 * 200
    assert all(re.search(r"Z INFO    (one|two)    \1{300} \d+$", line) for line in lines)


def test_a_file_that_cannot_be_written_is_named_and_ends_no_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for file in (tmp_path / "file" / "a.log", tmp_path):
        problem = f"log.file: {file}: cannot be written: "
        with pytest.raises(ConfigError, match=re.escape(problem)):
            check_log_file(LogConfig(file=file))
        setup_logging(LogConfig(file=file), "engine")
        logger.info("on")
        first, second = capfd.readouterr().err.splitlines()
        assert f" ERROR   engine {problem}" in first
        assert second.endswith(" INFO    engine on")
