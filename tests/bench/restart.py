"""`scripts/bench restart`: from the start of the gateway to the first accepted Logon, with much in the database.

And what a long resend takes: the client asks for the last messages again. No venue is there: a venue that is down must
not keep clients from logging on.
"""

import argparse
import json
import re
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

from gateway.fix.listener import free_loopback_port
from gateway.store.rows import MessageRow, SessionRow
from gateway.wire.framing import framed
from tests.bench.load import order
from tests.bench.stages import SESSION, Stages, accepted
from tests.fixtures.processes import Gateway

BATCH = 2_000
COMP_ID = "BENCH"
_DEADLINE_S = 300.0
_HEAD = "8=FIX.4.4|9=150|35=D|49=BENCH|56=FIXGW|34={number}|52=20260101-00:00:00.000|"


def fill(directory: Path, open_orders: int, messages: int) -> None:
    """A database with so many resting orders, and so many messages of the session's current epoch."""
    stages = Stages(directory, database="gateway.db")
    number = 0
    for first in range(0, open_orders, BATCH):
        texts = [_text(n) for n in range(first, min(first + BATCH, open_orders))]
        number = _orders(stages, number, texts)
    _more_messages(stages, number, messages - 3 * open_orders)
    stages.writer.close()
    stages.database.dispose()


def _text(number: int) -> str:
    body = order(f"r{number}").replace("|59=3|", "|59=1|")
    return (_HEAD.format(number=number + 1) + body + "10=000|").replace("|", "\x01")


def _orders(stages: Stages, number: int, texts: list[str]) -> int:
    """Each of them comes in, rests at the venue, and is reported. Returns the last outbound number."""
    at = time.time_ns()
    recorder = stages.recorder
    for text in texts:
        order_id = stages.desk.new_order(stages.codec.decode(text, SESSION, at))  # type: ignore[arg-type]  # all are new orders
        stages.desk.venue_report(accepted(order_id))
    rows = recorder.batch
    for text, in_number in zip(texts, range(number + 2, number + 2 + len(texts)), strict=True):
        rows.messages.append(_row("in", in_number, "D", text))
    for report in recorder.reports:
        number += 1
        rows.messages.append(_row("out", number + 1, "8", _sent(report.body, number + 1), report.report_id))
    return _commit(stages, number)


def _more_messages(stages: Stages, number: int, count: int) -> None:
    """What a day of trading leaves: half of it came in, half went out."""
    text = _text(0)
    for done in range(0, count, BATCH):
        for _ in range(min(BATCH, count - done) // 2):
            number += 1
            stages.recorder.batch.messages.append(_row("in", number + 1, "D", text))
            stages.recorder.batch.messages.append(_row("out", number + 1, "8", _sent(text, number + 1)))
        _commit(stages, number)


def _commit(stages: Stages, number: int) -> int:
    recorder = stages.recorder
    row = SessionRow(
        SESSION,
        epoch=1,
        created_at=time.time_ns(),
        next_in=number + 2,
        next_out=number + 2,
        out_reserved=number + 4_000,
        last_report_id=recorder.report_id,
        seen_report_id=0,
        proven_report_id=recorder.report_id,
        logged_on=False,
        clean=True,
    )
    recorder.batch.sessions[SESSION] = row
    stages.writer.commit(recorder.finish_batch())
    recorder.batch.clear()
    recorder.changed.clear()
    recorder.intents.clear()
    recorder.reports.clear()
    recorder.events.clear()
    return number


def _row(direction: str, number: int, msg_type: str, text: str, report_id: int | None = None) -> MessageRow:
    raw = text.encode()
    return MessageRow(SESSION, 1, direction, number, msg_type, False, True, time.time_ns(), None, None, report_id, raw)


def _sent(body: str, number: int) -> str:
    """Framed well enough for QuickFIX to send it again."""
    head = f"35=8\x0149=FIXGW\x0156={COMP_ID}\x0134={number}\x0152=20260101-00:00:00.000\x01"
    rest = body.partition("\x01")[2] if body.startswith("35=") else "37=O1\x0117=1\x01150=I\x0139=0\x01"
    return framed(b"FIX.4.4", (head + rest).encode()).decode()


class Peer:
    """One FIX session over a blocking socket."""

    def __init__(self, port: int, comp_id: str, number: int) -> None:
        """Tries until somebody listens and accepts the Logon."""
        self._comp_id, self._number, self._rest = comp_id, number, b""
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE_S)
                self.send("A", "98=0|108=60|")
                answer = self._socket.recv(4096)
                if b"\x0135=A\x01" in answer:
                    break
                raise ConnectionError(answer.decode(errors="replace") or "closed")
            except OSError:
                assert time.monotonic() < deadline, f"{comp_id}: no Logon accepted within {_DEADLINE_S} s"
                self._number = number
                time.sleep(0.02)

    def send(self, msg_type: str, body: str) -> None:
        """Under the next number."""
        now = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
        head = f"35={msg_type}|49={self._comp_id}|56=FIXGW|34={self._number}|52={now}|"
        self._number += 1
        self._socket.sendall(framed(b"FIX.4.4", (head + body).replace("|", "\x01").encode()))

    def count(self, marker: bytes, wanted: int) -> float:
        """Read until the marker has come so often. Returns the seconds it took."""
        started, found = time.perf_counter(), 0
        while found < wanted:
            received = self._socket.recv(1 << 20)
            if not received:
                raise ConnectionError("the gateway closed the connection")
            data = self._rest + received
            found += data.count(marker)
            self._rest = data[-len(marker) + 1 :]
        return time.perf_counter() - started

    def ping_us(self) -> float:
        """A TestRequest to its Heartbeat, microseconds."""
        self.send("1", "112=PING|")
        return self.count(b"\x01112=PING\x01", 1) * 1e6


def restart(open_orders: int, messages: int, resent: int) -> dict[str, float]:
    """All figures, by their JSON keys."""
    with tempfile.TemporaryDirectory(prefix="fixgw-restart-") as name:
        directory = Path(name)
        fill(directory, open_orders, messages)
        nobody = f"http://127.0.0.1:{free_loopback_port()}"
        sessions = {COMP_ID: ("FIX.4.4", ""), "OTHER": ("FIX.4.4", "")}
        gateway = Gateway(directory, nobody, sessions=sessions, log_level="INFO")
        with gateway.sql() as sql:
            number = int(sql.exec_driver_sql("SELECT next_in FROM sessions").scalar_one())
        started = time.perf_counter()
        starting = threading.Thread(target=gateway.start, kwargs={"wait_for_venue": False})
        starting.start()
        try:
            peer = Peer(gateway.port, COMP_ID, number)
            figures = {"restart_to_logon_s": time.perf_counter() - started}
            starting.join()
            engine = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{gateway.engine_pid()}/status").read_text())
            assert engine is not None
            figures["engine_peak_mb"] = int(engine[1]) / 1024
            figures |= _resend(peer, Peer(gateway.port, "OTHER", 1), number, resent)
        finally:
            starting.join()
            gateway.stop()
    return figures


def _resend(peer: Peer, other: Peer, last: int, count: int) -> dict[str, float]:
    """How long it takes, and what another session notices of it."""
    idle = [other.ping_us() for _ in range(200)]
    busy: list[float] = []
    done = threading.Event()

    def ping() -> None:
        while not done.is_set():
            busy.append(other.ping_us())

    pinging = threading.Thread(target=ping)
    pinging.start()
    try:
        peer.send("2", f"7={last - count}|16={last - 1}|")
        taken = peer.count(b"\x0143=Y\x01", count)
    finally:
        done.set()
        pinging.join()
    return {
        "resend_s": taken,
        "resend_messages": float(count),
        "other_idle_p50_us": statistics.median(idle),
        "other_during_resend_p50_us": statistics.median(busy),
        "other_during_resend_max_us": max(busy),
    }


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="scripts/bench restart", description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000, help="open orders in the database")
    parser.add_argument("--messages", type=int, default=1_000_000, help="stored messages, in and out")
    parser.add_argument("--resend", type=int, default=10_000, help="messages that the client asks for again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    arguments = parser.parse_args()
    figures = restart(arguments.orders, arguments.messages, arguments.resend)
    for key, value in figures.items():
        print(f"{key:<28}{value:>12.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
