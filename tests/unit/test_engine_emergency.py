"""What a dying engine leaves: the list of its open orders, the file, and its last words."""

import fcntl
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.engine import emergency as em
from gateway.engine.emergency import Emergency, EmergencyFile, OpenOrder, Over, Said, read_aftermaths, reserve_file
from gateway.engine.halting import Halt
from gateway.engine.handover import Handover, hand_over
from gateway.errors import JournalHalted, LeaseLost
from tests.fixtures.domain_desk import DomainDesk, Told

ORDER = OpenOrder("O1", 1, "main", "BTCUSDT", "gw-O1-1", "77")
EMERGENCY = Emergency("disk full", 1_000, (ORDER,))
SAID = Said(1_001, "main", "out", "cancel", "O1", "order.cancel {}")
OVER = Over(1_002, "O1", "gw-O1-1", "canceled cum_qty=0")


def test_open_orders_are_all_that_may_work_and_nothing_that_never_left() -> None:
    desk = DomainDesk()
    for cl_ord_id in ("OPEN", "DONE", "ASKED", "NEVER"):
        desk.new(cl_ord_id)
    desk.hear(Told(1).accepted())
    filled = desk.order("DONE")
    desk.book.working.discard(filled.order_id)
    never = [i for i in desk.intents if i.order_id == desk.order("NEVER").order_id]
    found = em.open_orders(desk.book, never)
    assert [(o.order_id, o.client_id, o.venue_order_id is None) for o in found] == [
        (desk.order("OPEN").order_id, "gw-O1-1", False),
        (desk.order("ASKED").order_id, "gw-O3-1", True),
    ]


def test_the_file_is_written_ahead_read_again_and_kept(tmp_path: Path) -> None:
    reserve_file(tmp_path)
    (reserve,) = tmp_path.iterdir()
    assert reserve.stat().st_blocks * 512 >= 4 << 20, "its blocks are its own, whatever else fills the disk"
    file = EmergencyFile(tmp_path, EMERGENCY)
    file.add(SAID)
    file.add(OVER)
    file.close()
    (found,) = read_aftermaths(tmp_path, 0)
    assert (found.emergency, found.said, found.over) == (EMERGENCY, [SAID], [OVER])
    assert em.left_to_import([found], set()) == [found]
    assert em.left_to_import([found], {found.path.name}) == [], "SQL has it: it is put aside"
    assert read_aftermaths(tmp_path, 0) == []
    assert [path.name for path in tmp_path.iterdir()] == ["emergency-1000.jsonl.imported"]


def test_what_the_watchdog_did_not_get_to_the_disk_costs_no_more_than_itself(tmp_path: Path) -> None:
    reserve_file(tmp_path)
    file = EmergencyFile(tmp_path, EMERGENCY)  # never closed: the watchdog dies with it
    file.add(OVER)
    fcntl.flock(file._file, fcntl.LOCK_UN)
    with file.path.open("r+b") as torn:
        content = torn.read().rstrip(b"\0")
        torn.seek(len(content) - 9)
        torn.write(b"\0" * 9)
    (found,) = read_aftermaths(tmp_path, 0)
    assert (found.emergency, found.over) == (EMERGENCY, [])
    (tmp_path / "emergency-5.jsonl").write_text("rubbish\n")
    assert [found.emergency for found in read_aftermaths(tmp_path, 0)] == [EMERGENCY]


def test_an_engine_waits_for_the_watchdog_to_be_done(tmp_path: Path) -> None:
    file = EmergencyFile(tmp_path, EMERGENCY)

    def finish() -> None:
        file.add(OVER)
        file.close()

    timer = threading.Timer(0.2, finish)
    timer.start()
    (found,) = read_aftermaths(tmp_path, 20)
    timer.join()
    assert found.over == [OVER]


def working() -> Any:
    """A recorder whose book has one open order."""
    desk = DomainDesk()
    desk.new()
    return SimpleNamespace(book=desk.book, intents=[])


def leased() -> None:
    """Nobody else has the orders."""


def test_without_a_watchdog_orders_stay_and_clients_are_told(tmp_path: Path) -> None:
    ended: list[BaseException] = []
    told: list[str] = []
    for handover in (None, Handover(tmp_path / "nobody")):
        halt = Halt(ended.append)
        halt.farewell = told.append
        halt.hand_over = partial(hand_over, handover, working(), leased, dict)
        halt(JournalHalted("disk full"))
    assert told == ["DATABASE_LOST orders cannot be recorded; log on again; open orders stay at the exchange"] * 2
    assert len(ended) == 2


def test_a_defect_hands_nothing_over() -> None:
    halt = Halt(lambda _: None)
    halt.hand_over = pytest.fail
    halt(RuntimeError("SQL is fine, and the next start goes on"))


def test_whose_lease_may_have_run_out_neither_hands_over_nor_says_anything() -> None:
    ended: list[BaseException] = []
    told: list[str] = []

    def lost() -> None:
        raise LeaseLost("not renewed in time")

    halt = Halt(ended.append)
    halt.farewell = told.append
    halt.hand_over = partial(hand_over, Handover(Path("unused")), working(), lost, dict)
    with pytest.raises(LeaseLost):  # a real end_process does not return
        halt(JournalHalted("the server is gone"))
    assert (len(ended), told) == (1, [])
