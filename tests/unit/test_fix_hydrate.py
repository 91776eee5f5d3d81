"""The files that QuickFIX is given at a start are what it would have written itself."""

from pathlib import Path

import quickfix

from gateway.fix.hydrate import hydrate, quickfix_time

SENT = [(2, "8=FIX.4.4\x019=5\x0135=8\x0158=café\x01".encode()), (3, b"8=FIX.4.4\x01\x00\x01"), (7, b"x" * 70_000)]


def test_quickfix_finds_every_message_byte_for_byte(tmp_path: Path) -> None:
    session = quickfix.SessionID("FIX.4.4", "GW", "DESK")
    ours, its_own = tmp_path / "ours", tmp_path / "its_own"
    ours.mkdir()
    its_own.mkdir()
    hydrate(ours, session, now=0, next_out=9, next_in=5, sent=SENT)
    store = quickfix.FileStore(quickfix_time(0), str(its_own), session)
    for number, raw in SENT:
        store.set(number, raw.decode("utf-8", "surrogateescape"))
    store.setNextSenderMsgSeqNum(9)
    store.setNextTargetMsgSeqNum(5)
    del store
    written = {path.name: path.read_bytes() for path in its_own.iterdir()}
    assert {path.name: path.read_bytes() for path in ours.iterdir()} == written
    assert any(raw.endswith(b"x" * 70_000) for raw in written.values())
    again = quickfix.FileStore(quickfix_time(0), str(ours), session)
    assert (again.getNextSenderMsgSeqNum(), again.getNextTargetMsgSeqNum()) == (9, 5)
