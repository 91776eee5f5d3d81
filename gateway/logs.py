"""Log lines: one an event, `time level process message`, or a JSON object each. No secrets reach them: whoever logs
leaves them out.
"""

import re
import sys
import traceback
from typing import TYPE_CHECKING, TextIO

import msgspec
from loguru import logger

from gateway.config import LogConfig

if TYPE_CHECKING:
    from loguru import Message, Record

_PAIR = re.compile(r'(\w+)=("[^"]*"|\S+)')


def setup_logging(config: LogConfig, process: str) -> None:
    """Send all of this process's lines to the configured file, or to standard error."""
    if config.file is not None:
        config.file.parent.mkdir(parents=True, exist_ok=True)
        out: TextIO = config.file.open("a", encoding="utf-8", buffering=1)
    else:
        out = sys.stderr
    shape = _json_lines if config.json_lines else _plain_lines

    def sink(message: "Message") -> None:
        out.write(shape(message.record, process))
        out.flush()

    logger.remove()
    logger.add(sink, level=config.level, format="{message}")


def _plain_lines(record: "Record", process: str) -> str:
    head = f"{record['time']:YYYY-MM-DD HH:mm:ss.SSSSSS} {record['level'].name:<7} {process:<6} "
    return "".join(f"{head}{line}\n" for line in _lines(record))


def _json_lines(record: "Record", process: str) -> str:
    lines = []
    for line in _lines(record):
        entry = {
            "time": record["time"].isoformat(),
            "level": record["level"].name,
            "process": process,
            "message": line,
            **{name: value.strip('"') for name, value in _PAIR.findall(line)},
        }
        lines.append(msgspec.json.encode(entry).decode("utf-8", "replace") + "\n")
    return "".join(lines)


def _lines(record: "Record") -> list[str]:
    lines = record["message"].splitlines() or [""]
    exception = record["exception"]
    if exception is not None and exception.type is not None:
        text = "".join(traceback.format_exception(exception.type, exception.value, exception.traceback))
        lines += text.splitlines()
    return lines
