"""Mass cancels, mass status and instrument lists at the desk: whose orders they reach, and what is answered."""

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain import venue_reports as v
from gateway.domain.commands import CancelOrder, MassCancel, NewOrder, RequestMassStatus, RequestSecurities
from gateway.domain.halts import Halt, HaltScope, TradingState
from gateway.domain.instruments import Instrument
from gateway.domain.intents import CancelIntent
from gateway.domain.selection import Selection
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import OrdType, Side, TimeInForce
from gateway.engine.mass import MassRequests
from gateway.engine.numbers import SessionState
from gateway.store.rows import MessageRow
from gateway.wire.raw import first_values
from tests.unit.test_engine_desk import SESSION, Office

OTHER = "FIX.4.4:FIXGW->OTHER"
LISTED = {f"C{n:03d}USDT": Instrument(symbol=f"C{n:03d}USDT", base=f"C{n:03d}", quote="USDT") for n in range(250)}


class MassOffice(Office):
    """Two sessions that share the accounts TRADING and SECOND. OTHER may cancel all of TRADING."""

    def __init__(self) -> None:
        super().__init__()
        account = self.desk._accounts["TRADING"]
        accounts = {"TRADING": account, "SECOND": replace(account, name="SECOND")}
        profiles = {
            key: SessionProfile(
                key=key, accounts=accounts, default_account="TRADING", cancel_accounts=frozenset(may_cancel)
            )
            for key, may_cancel in ((SESSION, ()), (OTHER, ("TRADING",)))
        }
        self.recorder._sessions[OTHER] = SessionState(OTHER, "FIX.4.4", 0)  # type: ignore[index]  # it is a dict
        self.desk._profiles, self.desk._accounts = profiles, accounts
        self.in_sql: dict[tuple[str, str], int] = {}  # when it came
        self.mass = MassRequests(
            desk=self.desk,
            recorder=self.recorder,
            instruments=lambda _: self.listed,
            profiles=profiles,
            was_done=lambda session, cl_ord_id, since: self.in_sql.get((session, cl_ord_id), -1) >= since,
        )
        self.listed: dict[str, Instrument] = {}
        self._venue_ids = 0

    def rest(
        self,
        cl_ord_id: str,
        *,
        session: str = SESSION,
        account: str = "",
        symbol: str = "BTCUSDT",
        side: Side = Side.BUY,
    ) -> str:
        order_id = self.desk.new_order(
            NewOrder(
                session=session, cl_ord_id=cl_ord_id, at=time.time_ns(), account=account, symbol=symbol, side=side,
                ord_type=OrdType.LIMIT, time_in_force=TimeInForce.GTC, order_qty=Decimal(10), price=Decimal(100),
            )
        )  # fmt: skip
        self._venue_ids += 1
        self.desk.venue_report(
            v.VenueAccepted(
                venue_account="main", symbol=symbol, client_id=self.client_id(order_id),
                venue_order_id=str(self._venue_ids),
            )
        )  # fmt: skip
        return order_id

    def cancel(self, session: str = SESSION, cl_ord_id: str = "MC", *, repeated: bool = False, **wanted: Any) -> str:
        """Returns the orders whose cancel goes to the venue, after a colon what the report says of how many."""
        self.recorder.intents.clear()
        self.mass.cancel(
            MassCancel(
                session=session, cl_ord_id=cl_ord_id, at=time.time_ns(), repeated=repeated, request_type="7",
                wanted=Selection(**wanted),
            )
        )  # fmt: skip
        sent = [intent.order_id for intent in self.recorder.intents if isinstance(intent, CancelIntent)]
        last = [row for row in self.recorder.reports if row.msg_type == "r"][-1]
        assert last.session == session
        found = first_values(last.body)
        return f"{','.join(sent)}:{found[533] if found[531] != '0' else 'refused ' + found[532]}"


@pytest.fixture
def office() -> MassOffice:
    return MassOffice()


def test_it_reaches_the_sessions_own_orders_in_its_scope(office: MassOffice) -> None:
    office.rest("A")
    office.rest("B", symbol="LTCUSDT")
    office.rest("C", side=Side.SELL)
    office.rest("D", account="SECOND")
    office.rest("E", session=OTHER)
    assert office.cancel(symbol="LTCUSDT") == "O2:1"
    assert office.cancel(account="SECOND", side=Side.BUY) == "O4:1"
    assert office.cancel(side=Side.SELL) == "O3:1"
    # All that is open counts; what is being canceled needs no second request.
    assert office.cancel() == "O1:4"
    assert office.cancel() == ":4"
    assert office.now("O5").requests == ()


def test_a_whole_account_takes_a_permission(office: MassOffice) -> None:
    office.rest("A")
    office.rest("B", account="SECOND")
    office.rest("C", session=OTHER)
    assert office.cancel(OTHER, account="SECOND") == ":0"
    assert office.cancel(account="TRADING") == "O1:1"
    assert office.cancel(OTHER, account="TRADING") == "O3:2"
    assert office.cancel(OTHER, account="FOREIGN") == ":refused 0"


def test_each_order_is_told_on_its_own_session(office: MassOffice) -> None:
    office.rest("A")
    office.cancel(OTHER, account="TRADING", cl_ord_id="MC-9")
    office.desk.venue_report(
        v.VenueClosed(
            venue_account="main", symbol="BTCUSDT", client_id=office.client_id("O1"), venue_order_id="1",
            reason=v.CloseReason.CANCELED, cum_qty=Decimal(0),
        )
    )  # fmt: skip
    row = office.recorder.reports[-1]
    found = first_values(row.body)
    assert (row.session, found[150], found[11], found[58]) == (SESSION, "4", "A", "MASS_CANCEL cl_ord_id=MC-9")


def test_a_halt_stops_none(office: MassOffice) -> None:
    office.rest("A")
    office.book.halts.put(Halt(HaltScope(), TradingState.HALTED, "test", 0, "root", 0))
    assert office.cancel() == "O1:1"


def test_an_order_with_a_cancel_of_the_clients_own_is_withdrawn_too(office: MassOffice) -> None:
    """The venue may refuse the client's cancel, and the order would go on."""
    office.rest("A")
    office.desk.cancel(CancelOrder(session=SESSION, cl_ord_id="F", at=time.time_ns(), orig_cl_ord_id="A"))
    office.cancel()
    assert [request.kind for request in office.now("O1").requests] == ["cancel", "withdraw"]


def test_what_was_done_is_not_done_again(office: MassOffice) -> None:
    office.in_sql[SESSION, "MC-1"] = 0
    office.rest("A")
    assert office.cancel(cl_ord_id="MC-1", repeated=True) == ":0"
    assert office.cancel(cl_ord_id="MC-2", repeated=True) == "O1:1"  # it never came before
    office.rest("B")
    assert office.cancel(cl_ord_id="MC-2", repeated=True) == ":0", "it is in the batch that is not committed yet"
    assert office.cancel(cl_ord_id="MC-2") == "O2:2"  # a new request under an old id: cancels always pass


def test_what_was_received_and_failed_is_done_when_it_comes_again(office: MassOffice) -> None:
    office.rest("A")
    office.recorder.batch.messages.append(MessageRow(SESSION, 1, "in", 9, "q", False, True, 0, "MC-1", None, None, b""))
    assert office.cancel(cl_ord_id="MC-1", repeated=True) == "O1:1"


def test_an_id_of_another_day_is_another_request(office: MassOffice) -> None:
    """Order systems begin their ids anew each day, and a first delivery after a gap has PossDupFlag(43)=Y."""
    office.in_sql[SESSION, "MC-1"] = 5
    office.book.day_start = 10
    office.rest("A")
    assert office.cancel(cl_ord_id="MC-1", repeated=True) == "O1:1"


def test_it_says_whether_there_was_something_new_to_cancel(office: MassOffice) -> None:
    def cancel(session: str = SESSION, **wanted: Any) -> bool:
        return office.mass.cancel(
            MassCancel(session=session, cl_ord_id="MC", at=1, request_type="7", wanted=Selection(**wanted))
        )

    assert not cancel()
    office.rest("A")
    office.rest("B", session=OTHER)
    assert cancel()
    assert not cancel(), "it is being canceled"
    office.rest("C")
    assert cancel()
    assert cancel(OTHER, account="TRADING"), "its own"
    assert not cancel(OTHER, account="FOREIGN")


def test_an_unknown_symbol_is_refused_unless_something_is_open_in_it(office: MassOffice) -> None:
    office.rest("A")
    assert office.cancel(symbol="NIXUSDT") == ":0"  # no venue has told its symbols yet
    office.listed = LISTED
    assert office.cancel(symbol="NIXUSDT") == ":refused 1"
    assert office.cancel(symbol="BTCUSDT") == "O1:1"


def test_one_orders_trouble_is_not_the_others(office: MassOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office.rest("A")
    office.rest("B")
    withdraw = office.desk.withdraw

    def broken(order: Any, at: int, *, text: str) -> None:
        if order.order_id == "O1":
            raise ValueError("broken")
        withdraw(order, at, text=text)

    monkeypatch.setattr(office.desk, "withdraw", broken)
    assert office.cancel() == "O2:2"
    assert office.recorder.batch.alerts[-1].code == "QUARANTINED"


def test_mass_status_counts_its_answers(office: MassOffice) -> None:
    office.rest("A")
    office.rest("B", side=Side.SELL)
    office.rest("C", session=OTHER)
    office.recorder.reports.clear()

    def ask(**more: Any) -> list[dict[int, str]]:
        office.recorder.reports.clear()
        wanted = more.pop("wanted", Selection())
        office.mass.status(RequestMassStatus(session=SESSION, request_id="S", at=1, wanted=wanted, **more))
        return [first_values(row.body) for row in office.recorder.reports]

    both = ask()
    assert [(r[11], r[584], r[911], r[912], r[150], r[39]) for r in both] == [
        ("A", "S", "2", "N", "I", "0"),
        ("B", "S", "2", "Y", "I", "0"),
    ]
    assert [r[11] for r in ask(wanted=Selection(side=Side.SELL))] == ["B"]
    (none,) = ask(wanted=Selection(symbol="LTCUSDT"))
    assert (none[37], none[39], none[103], none[911], none[912], none[55]) == ("NONE", "8", "5", "0", "Y", "LTCUSDT")
    for wrong, why in (
        (Selection(account="NOBODYS"), "ACCOUNT_NOT_ALLOWED"),
        (Selection(symbol="NIX"), "UNKNOWN_SYMBOL"),
    ):
        office.listed = LISTED
        (refused,) = ask(wanted=wrong)
        assert (refused[37], refused[103], refused[911], refused[58].split()[0]) == ("NONE", "99", "0", why)
    (refused,) = ask(refusal="no such type")
    assert (refused[103], refused[911], refused[58]) == ("99", "0", "no such type")


def test_instruments_come_in_fragments(office: MassOffice) -> None:
    def ask(**more: Any) -> list[dict[int, str]]:
        office.recorder.reports.clear()
        office.mass.securities(RequestSecurities(session=SESSION, request_id="L", at=1, **more))
        return [first_values(row.body) for row in office.recorder.reports]

    (early,) = ask()
    assert (early[560], early[893], early[393]) == ("4", "Y", "0")
    office.listed = LISTED | {"OFFUSDT": Instrument(symbol="OFFUSDT", base="OFF", quote="USDT", tradable=False)}
    parts = ask()
    assert [(p[146], p[393], p[893], p[55]) for p in parts] == [
        ("100", "250", "N", "C000USDT"),
        ("100", "250", "N", "C100USDT"),
        ("50", "250", "Y", "C200USDT"),
    ]
    assert len({p[322] for p in parts}) == 1
    (one,) = ask(symbol="C007USDT")
    assert (one[560], one[146], one[55], one[893]) == ("0", "1", "C007USDT", "Y")
    assert ask(symbol="OFFUSDT")[0][560] == "2"
    assert ask(refusal="not offered")[0][560] == "1"
