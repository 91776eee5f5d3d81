"""What a client's request means: an order, a change to one, or a refusal with its reason."""

from decimal import Decimal
from typing import Any

from gateway.domain import commands as c
from gateway.domain import events as e
from gateway.domain import risk
from gateway.domain.advance import advance, only_reduces
from gateway.domain.ages import day_over, too_late, too_old
from gateway.domain.book import Book
from gateway.domain.changes import Changes
from gateway.domain.frozen import frozen
from gateway.domain.funds import binds, would_bind
from gateway.domain.halts import HaltScope
from gateway.domain.instruments import Capabilities, Instrument
from gateway.domain.money import ZERO, subtract
from gateway.domain.order import REPLACE_MAX_AGE, Order, Phase, RequestKind, Terms
from gateway.domain.prices import Prices
from gateway.domain.session_names import session_name
from gateway.domain.session_profile import Account, SessionProfile
from gateway.domain.values import CxlRejReason, OrdRejReason, TimeInForce


@frozen
class Market:
    """The venue as a decision sees it. not_ready: why no new orders can be sent (empty: they can)."""

    capabilities: Capabilities
    instrument: Instrument | None
    not_ready: str = ""
    without_reference: str | None = None  # as of risk.Snapshot
    prices: Prices | None = None


def decide_new_order(
    command: c.NewOrder,
    *,
    order_id: str,
    client_id_prefix: str,
    account: Account,
    profile: SessionProfile,
    market: Market,
    day_close: int,
    book: Book,
) -> tuple[Changes, risk.Decision]:
    """An order of its own even if it is denied, so that the denial has a place in the books."""
    decision = _check_new(command, account, profile, market, day_close, book)
    return _received_or_denied(command, order_id, client_id_prefix, account, profile, day_close, decision), decision


def decide_own_order(
    command: c.NewOrder,
    *,
    order_id: str,
    client_id_prefix: str,
    account: Account,
    profile: SessionProfile,
    market: Market,
    figures: dict[str, Any],
) -> tuple[Changes, risk.Decision]:
    """An order of the gateway's own that takes from a position. No halt and no limit is asked: they would only keep
    the risk where it is. What its size was reckoned from is stored with the decision.
    """
    snapshot = risk.Snapshot(command.at, market.instrument, market.without_reference, market.prices)
    decision = risk.check_order(
        _terms(command),
        instrument=market.instrument,
        capabilities=market.capabilities,
        rules=risk.NO_RULES,
        snapshot=snapshot,
    )
    decision = risk.Decision(decision.denial, figures)
    return _received_or_denied(command, order_id, client_id_prefix, account, profile, 0, decision), decision


def _received_or_denied(
    command: c.NewOrder,
    order_id: str,
    client_id_prefix: str,
    account: Account,
    profile: SessionProfile,
    day_close: int,
    decision: risk.Decision,
) -> Changes:
    changes = Changes()
    expire_time = day_close if command.time_in_force is TimeInForce.DAY else command.expire_time
    changes.emit(_received(command, order_id, account, profile, expire_time, decision.market_px))
    if decision.denial is not None:
        denial = decision.denial
        changes.emit(
            e.OrderRejected(order_id=order_id, at=command.at, reason=denial.reason, text=denial.text, by_venue=False)
        )
        return changes
    changes.emit(
        e.LegSubmitted(
            order_id=order_id,
            at=command.at,
            leg=1,
            client_id=f"{client_id_prefix}{order_id}-1",
            qty=command.order_qty,
            price=command.price,
            stop_px=command.stop_px,
        )
    )
    return changes


def _check_new(
    command: c.NewOrder, account: Account, profile: SessionProfile, market: Market, day_close: int, book: Book
) -> risk.Decision:
    denial = too_old(command, profile) or day_over(command, day_close)
    if denial is not None:
        return risk.Decision(denial)
    return _check(_terms(command), account, profile, market, book, command.at)


def _terms(command: c.NewOrder) -> risk.OrderTerms:
    return risk.OrderTerms(
        symbol=command.symbol,
        side=command.side,
        ord_type=command.ord_type,
        time_in_force=command.time_in_force,
        order_qty=command.order_qty,
        price=command.price,
        stop_px=command.stop_px,
        post_only=command.post_only,
        expire_time=command.expire_time,
        opens_qty=command.order_qty,
    )


def _check(
    terms: risk.OrderTerms, account: Account, profile: SessionProfile, market: Market, book: Book, at: int
) -> risk.Decision:
    if book.halts:
        session = session_name(profile.key)
        scope = HaltScope(account.name, session, terms.symbol, account.venue_account, account.venue)
        halted = book.halts.denial(terms, scope, book.risk.totals)
        if halted is not None:
            return risk.Decision(halted)
    if market.not_ready:
        return risk.Decision(risk.deny("VENUE_UNAVAILABLE", OrdRejReason.BROKER_OPTION, why=market.not_ready))
    known = market.instrument is not None  # else it is refused, and nothing is kept for what is no symbol
    rules = book.risk.rules(account.name, profile.key, terms.symbol, at) if known else risk.NO_RULES
    return risk.check_order(
        terms,
        instrument=market.instrument,
        capabilities=market.capabilities,
        rules=rules,
        snapshot=risk.Snapshot(at, market.instrument, market.without_reference, market.prices, rules.collar),
    )


def _received(
    command: c.NewOrder,
    order_id: str,
    account: Account,
    profile: SessionProfile,
    expire_time: int | None,
    market_px: Decimal | None,
) -> e.OrderReceived:
    return e.OrderReceived(
        order_id=order_id,
        at=command.at,
        session=command.session,
        cl_ord_id=command.cl_ord_id,
        account=account.name,
        venue_account=account.venue_account,
        symbol=command.symbol,
        side=command.side,
        ord_type=command.ord_type,
        time_in_force=command.time_in_force,
        order_qty=command.order_qty,
        price=command.price,
        stop_px=command.stop_px,
        expire_time=expire_time,
        post_only=command.post_only,
        remainder_expires=profile.remainder_expires,
        report_pending_new=profile.report_pending_new,
        echo=command.echo,
        market_px=market_px,
    )


def refuse_new_order(command: c.NewOrder, reason: OrdRejReason, text: str, known: Order | None = None) -> Changes:
    """A refusal that changes no order: a taken ClOrdID (known: by which order), an account the session may not use."""
    changes = Changes(known)
    changes.note(
        e.NewOrderRefused(
            order_id="",
            at=command.at,
            session=command.session,
            cl_ord_id=command.cl_ord_id,
            symbol=command.symbol,
            side=command.side,
            order_qty=command.order_qty,
            account=command.account,
            reason=reason,
            text=text,
        )
    )
    return changes


def refuse_request(
    command: c.CancelOrder | c.ReplaceOrder, reason: CxlRejReason, text: str, order: Order | None = None
) -> Changes:
    """OrderCancelReject(9) at once; the order, if there is one, stays as it is."""
    changes = Changes(order)
    changes.note(
        e.RequestRefused(
            order_id=order.order_id if order is not None else "",
            at=command.at,
            session=command.session,
            kind=RequestKind.CANCEL if isinstance(command, c.CancelOrder) else RequestKind.REPLACE,
            cl_ord_id=command.cl_ord_id,
            orig_cl_ord_id=command.orig_cl_ord_id,
            reason=reason,
            text=text,
        )
    )
    return changes


def decide_cancel(command: c.CancelOrder, order: Order, capabilities: Capabilities) -> Changes:
    """A cancel always passes while the order is open, whichever ClOrdID of the order it names."""
    if not order.is_open:
        return refuse_request(command, CxlRejReason.TOO_LATE, "the order is over", order)
    if any(r.kind is RequestKind.CANCEL for r in order.requests):
        return refuse_request(command, CxlRejReason.ALREADY_PENDING, "a cancel is pending", order)
    changes = Changes(order)
    changes.emit(
        e.CancelRequested(
            order_id=order.order_id,
            at=command.at,
            cl_ord_id=command.cl_ord_id,
            orig_cl_ord_id=command.orig_cl_ord_id,
        )
    )
    advance(changes, capabilities, command.at)
    return changes


def decide_replace(
    command: c.ReplaceOrder,
    order: Order,
    *,
    account: Account,
    profile: SessionProfile,
    market: Market,
    book: Book,
    now: int,
) -> tuple[Changes, risk.Decision | None]:
    """A replace names the order as last accepted, or the pending replace it is chained to. By OrderID(37) alone it
    names the order, and can follow no pending one.

    now: nanoseconds UTC; the command came earlier where it has waited to be decided.
    """
    refused = _refuse_replace(command, order)
    if refused is not None:
        return refused, None
    base = order.terms
    for request in order.requests:
        if request.terms is not None:
            base = request.terms
    price = command.price if command.price is not None else base.price
    stop_px = command.stop_px if command.stop_px is not None else base.stop_px
    terms = Terms(command.order_qty, price, stop_px)
    max_age = profile.max_order_age or REPLACE_MAX_AGE
    in_place = market.capabilities.amend_qty_down and only_reduces(base, terms)
    places_anew = not in_place and terms.order_qty > order.cum_qty
    # Told before its cancel is sent: else the order would be gone, and nothing placed for it.
    late = too_late(command.at, max_age, now) if places_anew else None
    decision = (
        risk.Decision(late)
        if late is not None
        else _check_replace(command, order, base, terms, account, profile, market, book)
    )
    if decision.denial is not None:
        throttled = decision.denial.code == "ORDER_RATE"
        reason = CxlRejReason.OTHER if throttled else CxlRejReason.BROKER_OPTION
        return refuse_request(command, reason, decision.denial.text, order), decision
    changes = Changes(order)
    changes.emit(
        e.ReplaceRequested(
            order_id=order.order_id,
            at=command.at,
            cl_ord_id=command.cl_ord_id,
            orig_cl_ord_id=command.orig_cl_ord_id or order.cl_ord_id,
            order_qty=command.order_qty,
            price=price,
            stop_px=stop_px,
            max_age=max_age,
        )
    )
    advance(changes, market.capabilities, command.at)
    return changes, decision


def _refuse_replace(command: c.ReplaceOrder, order: Order) -> Changes | None:
    if not order.is_open:
        return refuse_request(command, CxlRejReason.TOO_LATE, "the order is over", order)
    if any(r.kind is not RequestKind.REPLACE for r in order.requests):
        return refuse_request(command, CxlRejReason.ALREADY_PENDING, "a cancel is pending", order)
    expected = order.requests[-1].cl_ord_id if order.requests else order.cl_ord_id
    if command.orig_cl_ord_id != expected and (command.orig_cl_ord_id or order.requests):
        if order.requests:
            text = f"a replace is pending; OrigClOrdID(41) must be {expected} to follow it"
            return refuse_request(command, CxlRejReason.ALREADY_PENDING, text, order)
        text = f"OrigClOrdID(41) must be {expected}, the last accepted"
        return refuse_request(command, CxlRejReason.OTHER, text, order)
    fixed = {
        "Symbol(55)": (command.symbol, order.symbol),
        "Side(54)": (command.side, order.side),
        "OrdType(40)": (command.ord_type, order.ord_type),
        "TimeInForce(59)": (command.time_in_force, order.time_in_force),
        "Account(1)": (command.account, order.account),
    }
    for name, (asked, has) in fixed.items():
        if asked is not None and asked != has:
            text = f"{name} cannot be changed from {has} to {asked}"
            return refuse_request(command, CxlRejReason.OTHER, text, order)
    if command.expire_time is not None and command.expire_time != order.expire_time:
        return refuse_request(command, CxlRejReason.OTHER, "ExpireTime(126) cannot be changed", order)
    if command.post_only and not order.post_only:
        return refuse_request(command, CxlRejReason.OTHER, "ExecInst(18)=6 cannot be added to an order", order)
    return None


def _check_replace(
    command: c.ReplaceOrder,
    order: Order,
    base: Terms,
    terms: Terms,
    account: Account,
    profile: SessionProfile,
    market: Market,
    book: Book,
) -> risk.Decision:
    denial = too_old(command, profile)
    if denial is not None:
        return risk.Decision(denial)
    grows = subtract(subtract(terms.order_qty, order.cum_qty), order.exposed_qty)
    adds = subtract(would_bind(order, terms), binds(order))
    change = risk.OrderTerms(
        symbol=order.symbol,
        side=order.side,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        order_qty=terms.order_qty,
        price=terms.price,
        stop_px=terms.stop_px,
        post_only=order.post_only,
        opens_qty=max(grows, ZERO),
        cum_qty=order.cum_qty,
        is_new=False,
        old_qty=base.order_qty,
        old_price=base.price if base.price is not None else base.stop_px,
        adds=max(adds, ZERO),
    )
    return _check(change, account, profile, market, book, command.at)


def decide_expire(command: c.ExpireOrder, order: Order, capabilities: Capabilities) -> Changes:
    """Cancel at the venue what has outlived its time in force; the order ends once the venue confirms."""
    changes = Changes(order)
    if order.is_open and not any(r.kind.is_ours for r in order.requests):
        changes.emit(e.ExpiryRequested(order_id=order.order_id, at=command.at))
        advance(changes, capabilities, command.at)
    return changes


def decide_withdraw(command: c.WithdrawOrder, order: Order, capabilities: Capabilities) -> Changes:
    """Cancel at the venue what nobody is there to look after; the order ends once the venue confirms.

    A cancel of the client's that is pending may still be refused, so it does not stand in for this one.
    """
    changes = Changes(order)
    if order.is_open and not any(r.kind.is_ours for r in order.requests):
        changes.emit(e.WithdrawalRequested(order_id=order.order_id, at=command.at, text=command.text))
        advance(changes, capabilities, command.at)
    return changes


def decide_retry(command: c.RetryOrder, order: Order, capabilities: Capabilities) -> Changes:
    """Send again what the venue could not yet act on: cancels of legs it did not know, our own that it refused."""
    changes = Changes(order)
    for request in order.requests:
        refused = request.kind.is_ours and request.phase is Phase.REFUSED
        if request.phase is Phase.RETURNED or refused:
            changes.emit(e.CancelRetried(order_id=order.order_id, at=command.at, cl_ord_id=request.cl_ord_id))
    advance(changes, capabilities, command.at)
    return changes
