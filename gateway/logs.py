"""Log lines: one an event, `time level process message`, or a JSON object each. Times are UTC.

The gateway's processes append to the same file. No secrets reach the lines: whoever logs leaves them out.
"""

import re
import sys
import traceback
from typing import TYPE_CHECKING

import msgspec
from loguru import logger

from gateway.config import LogConfig

if TYPE_CHECKING:
    from loguru import Message, Record

_TIME = "YYYY-MM-DDTHH:mm:ss.SSSSSS[Z]!UTC"
_PAIR = re.compile(r'(\w+)=("[^"]*"|\S+)')


def setup_logging(config: LogConfig, process: str) -> None:
    """Send all of this process's lines to the configured file, or to standard error."""
    if config.file is not None:
        config.file.parent.mkdir(parents=True, exist_ok=True)
    # Unbuffered: a buffer would be written in pieces, and lines of several processes would mix.
    target = sys.stderr.fileno() if config.file is None else config.file
    out = open(target, "ab", buffering=0, closefd=config.file is not None)  # noqa: SIM115 - open while the process is
    shape = _json_lines if config.json_lines else _plain_lines

    def sink(message: "Message") -> None:
        data = memoryview(shape(message.record, process).encode("utf-8", "backslashreplace"))
        while data:
            data = data[out.write(data) :]

    logger.remove()
    logger.add(sink, level=config.level, format="{message}")


def _plain_lines(record: "Record", process: str) -> str:
    head = f"{record['time']:{_TIME}} {record['level'].name:<7} {process:<6} "
    return "".join(f"{head}{line}\n" for line in _lines(record))


def _json_lines(record: "Record", process: str) -> str:
    lines = []
    for line in _lines(record):
        entry = {
            "time": f"{record['time']:{_TIME}}",
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
