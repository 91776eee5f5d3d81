"""Where commands and venue reports meet the book: find the order that is meant, ask the domain, record the answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.domain import commands as c
from gateway.domain import venue_reports as v
from gateway.domain.book import Book
from gateway.domain.changes import Changes
from gateway.domain.decide_client import (
    Market,
    decide_cancel,
    decide_expire,
    decide_new_order,
    decide_own_order,
    decide_replace,
    decide_retry,
    decide_withdraw,
    refuse_new_order,
    refuse_request,
)
from gateway.domain.decide_settle import decide_cancel_again, decide_settle
from gateway.domain.decide_trades import decide_bust, decide_correction
from gateway.domain.decide_venue import decide_venue_report
from gateway.domain.events import NewOrderRefused, RequestRefused
from gateway.domain.instruments import Capabilities
from gateway.domain.order import Order
from gateway.domain.reports import status_report
from gateway.domain.session_names import OWN_SESSION
from gateway.domain.session_profile import Account, SessionProfile
from gateway.domain.values import CxlRejReason, OrdRejReason
from gateway.engine.clock import Clock, day_close
from gateway.engine.mass_cancels import NONE_EXCLUSIVE, Exclusive
from gateway.engine.ports import VenuePort
from gateway.engine.recorder import Recorder
from gateway.engine.repetitions import Repetitions

_OWN_PROFILE = SessionProfile(key=OWN_SESSION, accounts={}, default_account="")


class Desk:
    """All decisions of the engine go through here, one at a time."""

    def __init__(
        self,
        *,
        book: Book,
        recorder: Recorder,
        venue: VenuePort,
        profiles: Mapping[str, SessionProfile],
        accounts: Mapping[str, Account],
        clock: Clock,
        deployment: str,
        instance: str,
        day_end_seconds: int,
        recovering: dict[str, set[str]],
        unreconciled: set[str],
        earlier: Callable[[str, str, int, int], Order | None] = lambda *_: None,
        was_refused: Callable[[str, str, str, int], bool] = lambda *_: False,
        exclusive: Exclusive = NONE_EXCLUSIVE,
    ) -> None:
        """earlier, was_refused: see repetitions.py."""
        self._book = book
        self._recorder = recorder
        self._venue = venue
        self._profiles = profiles
        self._accounts = accounts
        self._clock = clock
        self._deployment_prefix = deployment + "-"
        # Another database of the deployment counts from O1 too, and the venue takes a client id again.
        self._prefix = f"{deployment}-{instance}-" if instance else self._deployment_prefix
        self._day_end_seconds = day_end_seconds
        self._repetitions = Repetitions(book, recorder, earlier, was_refused)
        self._recovering = recovering  # by venue account, the orders whose fate this start has yet to settle
        self._exclusive = exclusive
        self._unreconciled = unreconciled  # venue accounts that this start has yet to compare with the books

    # --- clients

    def new_order(self, command: c.NewOrder) -> str:
        """NewOrderSingle(D). Returns the OrderID(37), or "" if it is no order."""
        known = self._repetitions.holder(command) or self._repetitions.of_earlier_day(command)
        if known is not None:
            return self._known_id(command, known)
        if refused := self._repetitions.refused_before(command):
            self._recorder.record(refuse_new_order(command, OrdRejReason.OTHER, refused))
            return ""
        profile = self._profiles[command.session]
        account = profile.accounts.get(command.account or profile.default_account)
        if account is None:
            allowed = ",".join(sorted(profile.accounts))
            text = f"ACCOUNT_NOT_ALLOWED account={command.account} allowed={allowed}"
            self._recorder.record(refuse_new_order(command, OrdRejReason.UNKNOWN_ACCOUNT, text))
            return ""
        self._book.last_order_number += 1
        order_id = f"O{self._book.last_order_number}"
        market = self._market_for(command.at, account.venue_account, command.symbol)
        changes, decision = decide_new_order(
            command,
            order_id=order_id,
            client_id_prefix=self._prefix,
            account=account,
            profile=profile,
            market=market,
            day_close=day_close(command.at, self._day_end_seconds),
            book=self._book,
        )
        self._recorder.record(changes, market.capabilities, decision)
        return order_id

    def own_order(self, command: c.NewOrder, account: Account, market: Market, figures: dict[str, Any]) -> str:
        """An order of the gateway's own, which takes from a position. Returns the OrderID(37)."""
        self._book.last_order_number += 1
        order_id = f"O{self._book.last_order_number}"
        changes, decision = decide_own_order(
            command,
            order_id=order_id,
            client_id_prefix=self._prefix,
            account=account,
            profile=_OWN_PROFILE,
            market=market,
            figures=figures,
        )
        self._recorder.record(changes, market.capabilities, decision)
        return order_id

    def _known_id(self, command: c.NewOrder, known: Order) -> str:
        """A repetition is told how the order stands; anything else under a used id is refused."""
        if command.repeated:
            ask = c.RequestStatus(session=command.session, cl_ord_id=command.cl_ord_id, at=command.at)
            self._recorder.answer(status_report(ask, known), command.at)
        else:
            text = f"DUPLICATE_CL_ORD_ID cl_ord_id={command.cl_ord_id} order={known.order_id}"
            self._recorder.record(refuse_new_order(command, OrdRejReason.DUPLICATE_ORDER, text, known))
        return known.order_id

    def turn_away(self, command: c.NewOrder | c.ReplaceOrder, text: str) -> str:
        """Refuse it unread: it is no order of ours. Returns the OrderID(37) that it is about, or ""."""
        known = self._repetitions.holder(command)
        if isinstance(command, c.ReplaceOrder):
            order, _ = self._find(command)
            if order is not None and self._repeats(command, order):
                return order.order_id
            self._recorder.record(refuse_request(command, CxlRejReason.OTHER, text, order))
            return order.order_id if order is not None else ""
        known = known or self._repetitions.of_earlier_day(command)
        if known is not None:
            return self._known_id(command, known)
        self._recorder.record(refuse_new_order(command, OrdRejReason.OTHER, text))
        return ""

    def refuse(self, refusal: NewOrderRefused | RequestRefused) -> str:
        """A message whose own fields cannot be acted on, told with the state of the order it is about, if there is one.

        Returns that order's OrderID(37), or "".
        """
        if isinstance(refusal, RequestRefused):
            order, _ = self._find(refusal)
            refusal = replace(refusal, order_id=order.order_id if order is not None else "")
        else:
            order = self._book.holder(refusal.session, refusal.cl_ord_id)
        changes = Changes(order)
        changes.note(refusal)
        self._recorder.record(changes)
        return order.order_id if order is not None else ""

    def cancel(self, command: c.CancelOrder) -> str:
        """OrderCancelRequest(F). Returns the OrderID(37) it is about, or ""."""
        order, problem = self._find(command)
        if order is None:
            self._recorder.record(refuse_request(command, CxlRejReason.UNKNOWN_ORDER, problem))
            return ""
        if self._repeats(command, order):
            return order.order_id
        capabilities = self._venue.capabilities(order.venue_account)
        self._recorder.record(decide_cancel(command, order, capabilities), capabilities)
        return order.order_id

    def replace(self, command: c.ReplaceOrder) -> str:
        """OrderCancelReplaceRequest(G). Returns the OrderID(37) it is about, or ""."""
        order, problem = self._find(command)
        if order is None:
            self._recorder.record(refuse_request(command, CxlRejReason.UNKNOWN_ORDER, problem))
            return ""
        if self._repeats(command, order):
            return order.order_id
        if order.is_open and (refused := self._repetitions.refused_before(command)):
            self._recorder.record(refuse_request(command, CxlRejReason.OTHER, refused, order))
            return order.order_id
        profile = self._profiles[order.session]
        market = self._market_for(command.at, order.venue_account, order.symbol)
        changes, decision = decide_replace(
            command,
            order,
            account=self._accounts[order.account],
            profile=profile,
            market=market,
            book=self._book,
            now=self._clock.now(),
        )
        self._recorder.record(changes, market.capabilities, decision)
        return order.order_id

    def _repeats(self, command: c.CancelOrder | c.ReplaceOrder, order: Order) -> bool:
        """Whether the request's own ClOrdID was used before, and is answered with that."""
        known = self._repetitions.holder(command)
        if known is None:
            return False
        if command.repeated and known.order_id == order.order_id:
            ask = c.RequestStatus(session=command.session, cl_ord_id=command.cl_ord_id, at=command.at)
            self._recorder.answer(status_report(ask, known), command.at)
        else:
            text = f"DUPLICATE_CL_ORD_ID cl_ord_id={command.cl_ord_id} order={known.order_id}"
            self._recorder.record(refuse_request(command, CxlRejReason.DUPLICATE_CL_ORD_ID, text, order))
        return True

    def status(self, command: c.RequestStatus) -> str:
        """OrderStatusRequest(H). Returns the OrderID(37) it is about, or ""."""
        order = self._book.by_cl_ord_id(command.session, command.cl_ord_id) if command.cl_ord_id else None
        if order is None and command.order_id:
            order = self._permitted(self._book.orders.get(command.order_id), command.session)
        elif order is not None and command.order_id and command.order_id != order.order_id:
            order = None
        self._recorder.answer(status_report(command, order), command.at)
        return order.order_id if order is not None else ""

    def _find(self, command: c.CancelOrder | c.ReplaceOrder | RequestRefused) -> tuple[Order | None, str]:
        """The order that OrderID(37) and OrigClOrdID(41) name; where both are given they must agree."""
        by_client = self._book.by_cl_ord_id(command.session, command.orig_cl_ord_id) if command.orig_cl_ord_id else None
        if not command.order_id:
            return by_client, f"unknown order: OrigClOrdID(41)={command.orig_cl_ord_id}"
        by_ours = self._book.orders.get(command.order_id)
        # The answers go to the session that owns the order, so only that one may change it.
        if by_ours is None or by_ours.session != command.session:
            return None, f"unknown order: OrderID(37)={command.order_id}"
        if command.orig_cl_ord_id and (by_client is None or by_client.order_id != by_ours.order_id):
            return None, (
                f"OrderID(37)={command.order_id} and OrigClOrdID(41)={command.orig_cl_ord_id} name different orders"
            )
        return by_ours, ""

    def _permitted(self, order: Order | None, session: str) -> Order | None:
        """Only orders of accounts that the session may trade exist for it."""
        if order is None or order.account not in self._profiles[session].accounts:
            return None
        return order

    # --- timers

    def expire(self, order: Order, at: int) -> None:
        """The order's time in force is over."""
        capabilities = self._venue.capabilities(order.venue_account)
        self._recorder.record(
            decide_expire(c.ExpireOrder(order_id=order.order_id, at=at), order, capabilities), capabilities
        )

    def withdraw(self, order: Order, at: int, *, text: str) -> None:
        """Cancel the order for a reason of our own, which the client is told."""
        capabilities = self._venue.capabilities(order.venue_account)
        command = c.WithdrawOrder(order_id=order.order_id, at=at, text=text)
        self._recorder.record(decide_withdraw(command, order, capabilities), capabilities)

    def retry(self, order: Order, at: int) -> None:
        """Something of the order waits to be sent again."""
        capabilities = self._venue.capabilities(order.venue_account)
        self._recorder.record(
            decide_retry(c.RetryOrder(order_id=order.order_id, at=at), order, capabilities), capabilities
        )

    def settle(self, order: Order, at: int, *, restarted: bool) -> None:
        """Ask the venue how the order stands: after a start, and after a connection was lost."""
        capabilities = self._venue.capabilities(order.venue_account)
        self._recorder.record(decide_settle(order, at, restarted=restarted), capabilities)

    def cancel_again(self, order: Order, at: int) -> None:
        """After a start: send a cancel that was on its way once more."""
        capabilities = self._venue.capabilities(order.venue_account)
        self._recorder.record(decide_cancel_again(order, at, capabilities), capabilities)

    # --- venues

    def venue_report(self, report: v.VenueReport) -> str:
        """Returns a problem for a person to look at, its code first, or ""."""
        found = self._book.by_venue_ids(report.venue_account, report.symbol, report.client_id, report.venue_order_id)
        if found is None:
            if not report.client_id.startswith(self._deployment_prefix):
                self._exclusive.foreign(report.venue_account, report.symbol, report.client_id)
                return ""
            where = "the books" if report.client_id.startswith(self._prefix) else "this database"
            return f"UNKNOWN_VENUE_ORDER {type(report).__name__} for {report.client_id}, which is not in {where}"
        order, leg_number = found
        if report.venue_account != order.venue_account:
            # Two venue accounts that reach one account of the exchange hear the same words: they count once.
            return (
                f"VENUE_ACCOUNT_MISMATCH {type(report).__name__} for {report.client_id} from venue account "
                f"{report.venue_account}: ignored, {order.order_id} is at {order.venue_account}"
            )
        problem = self._reused(order, leg_number, report)
        at = self._clock.now()
        capabilities = self._venue.capabilities(order.venue_account)
        if isinstance(report, v.VenueTraded | v.VenueTradeBusted | v.VenueTradeCorrected):
            changes = self._decide_trade(order, leg_number, report, capabilities, at)
        else:
            changes = decide_venue_report(order, leg_number, report, capabilities, at)
        self._recorder.record(changes, capabilities)
        self._recovered(order)
        return problem

    def _reused(self, order: Order, leg_number: int, report: v.VenueReport) -> str:
        """What to say when the venue gives an order id again, as only one that was wiped does. The report counts."""
        if report.venue_order_id is None or order.legs[leg_number - 1].venue_order_id is not None:
            return ""  # it was looked at when the leg got it
        named = self._book.by_venue_ids(report.venue_account, report.symbol, "", report.venue_order_id)
        if named is None or named[0].order_id == order.order_id:
            return ""
        return (
            f"VENUE_ORDER_ID_REUSED {report.venue_account} {report.symbol}: order {report.venue_order_id} "
            f"was {named[0].order_id} and is now {order.order_id}"
        )

    def _decide_trade(
        self,
        order: Order,
        leg_number: int,
        report: v.VenueTraded | v.VenueTradeBusted | v.VenueTradeCorrected,
        capabilities: Capabilities,
        at: int,
    ) -> Changes:
        """A trade may be reported any number of times, on several channels; it counts once."""
        venue_order_id = report.venue_order_id or order.legs[leg_number - 1].venue_order_id or ""
        known = self._book.executions.get((order.order_id, report.trade_id, venue_order_id))
        match report:
            case v.VenueTraded():
                if known is not None:
                    return Changes(order)
                return decide_venue_report(order, leg_number, report, capabilities, at)
            case v.VenueTradeBusted() if known is not None and known.last_qty:
                return decide_bust(order, known, report, at)
            case v.VenueTradeCorrected() if known is not None and known.last_qty:
                return decide_correction(order, known, report, at)
            case _:
                return Changes(order)

    def await_settlement(self, order: Order) -> None:
        """Take no new orders for the account before this one is settled, if the start is not over for it."""
        if order.venue_account in self._unreconciled:
            self._recovering.setdefault(order.venue_account, set()).add(order.order_id)

    def reconciled(self, venue_account: str) -> None:
        """Books and venue were compared; what differs is being settled."""
        self._unreconciled.discard(venue_account)

    @property
    def is_settled(self) -> bool:
        """Whether the start is over for all venue accounts: what happened before it is known."""
        return not self._unreconciled and not any(self._recovering.values())

    def _recovered(self, order: Order) -> None:
        waiting = self._recovering.get(order.venue_account)
        if waiting:
            now = self._book.orders[order.order_id]
            if not now.is_unknown and (now.acknowledged or not now.is_open):
                waiting.discard(order.order_id)

    def market(self, venue_account: str, symbol: str) -> Market:
        """What can be traded now: nothing new, as long as the start is not over."""
        market = self._venue.market(venue_account, symbol)
        waiting = self._recovering.get(venue_account)
        if market.not_ready or not (waiting or venue_account in self._unreconciled):
            return market
        why = "the account is being compared with the venue after the start"
        if waiting:
            why = f"{len(waiting)} orders of before the start are being settled with the venue"
        return Market(capabilities=market.capabilities, instrument=market.instrument, not_ready=why)

    def _market_for(self, at: int, venue_account: str, symbol: str) -> Market:
        """To decide a client's request with."""
        market = self.market(venue_account, symbol)
        if not market.not_ready:  # else the instrument is not looked at, and may not be known yet
            self._recorder.decided_with(at, venue_account, symbol, market.instrument)
        return market
