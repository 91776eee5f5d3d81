"""Log lines: one an event, `time level process message`, or a JSON object each. Times are UTC.

The gateway's processes append to the same file. No secrets reach the lines: whoever logs leaves them out.
"""

import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from loguru import logger

from gateway.config import LogConfig
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from loguru import Message, Record

_PAIR = re.compile(r'(\w+)=("[^"]*"|\S+)')

_info: Callable[[str], None] | None = logger.info


def info_lines(text: Callable[[], str]) -> None:
    """Log lines of level INFO as `logger.info` does, without what that costs a call (*measured* 14 us, and more where
    it finds the caches cold): for what is logged with every order. text: called where they are wanted.
    """
    if _info is not None:
        _info(text())


def setup_logging(config: LogConfig, process: str) -> None:
    """Send all of this process's lines to the configured file, or to standard error: there too, if it cannot be opened.

    What guards open orders does not end because of its log. Whoever starts it all asks check_log_file first.
    """
    problem = ""
    try:
        out = _opened(config.file)
    except OSError as error:
        out, problem = _opened(None), f"log.file: {config.file}: cannot be written: {error.strerror}"
    shape = _json_lines if config.json_lines else _plain_lines

    def write(time: datetime, level: str, lines: list[str]) -> None:
        utc = time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
        data = memoryview(shape(utc, level, process, lines).encode("utf-8", "backslashreplace"))
        while data:
            data = data[out.write(data) :]

    def sink(message: "Message") -> None:
        record = message.record
        write(record["time"], record["level"].name, _lines(record))

    def info(text: str) -> None:
        try:
            write(datetime.now(UTC), "INFO", text.splitlines())
        except Exception:  # a full disk, a closed pipe: loguru says so on standard error, and raises nothing
            logger.info("{}", text)

    logger.remove()
    logger.add(sink, level=config.level, format="{message}")
    global _info  # there is one log, as there is one logger
    _info = info if logger.level(config.level).no <= logger.level("INFO").no else None
    if problem:
        logger.error("{}; lines go to standard error", problem)


def check_log_file(config: LogConfig) -> None:
    """Raises ConfigError where the configured file cannot be written."""
    try:
        _opened(config.file).close()
    except OSError as error:
        raise ConfigError(f"log.file: {config.file}: cannot be written: {error.strerror}") from error


def _opened(file: Path | None) -> FileIO:
    """Unbuffered: a buffer would be written in pieces, and lines of several processes would mix."""
    if file is None:
        return FileIO(sys.stderr.fileno(), "ab", closefd=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileIO(file, "ab")


def _plain_lines(time: str, level: str, process: str, lines: list[str]) -> str:
    head = f"{time} {level:<7} {process:<6} "
    return "".join([f"{head}{line}\n" for line in lines])


def _json_lines(time: str, level: str, process: str, lines: list[str]) -> str:
    shaped = []
    for line in lines:
        entry = {
            "time": time,
            "level": level,
            "process": process,
            "message": line,
            **{name: value.strip('"') for name, value in _PAIR.findall(line)},
        }
        shaped.append(msgspec.json.encode(entry).decode("utf-8", "replace") + "\n")
    return "".join(shaped)


def _lines(record: "Record") -> list[str]:
    lines = record["message"].splitlines() or [""]
    exception = record["exception"]
    if exception is not None and exception.type is not None:
        text = "".join(traceback.format_exception(exception.type, exception.value, exception.traceback))
        lines += text.splitlines()
    return lines
