"""Requests about many orders at once, and about what can be traded."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from loguru import logger

from gateway.domain import commands as c
from gateway.domain import events as e
from gateway.domain.changes import Changes
from gateway.domain.instruments import Instrument
from gateway.domain.mass import mass_status_reports, select
from gateway.domain.mass_reports import SecurityList
from gateway.domain.order import Order
from gateway.domain.selection import Selection
from gateway.domain.session_profile import SessionProfile
from gateway.domain.values import MassCancelRejectReason, SecurityRequestResult
from gateway.engine.desk import Desk
from gateway.engine.recorder import Recorder
from gateway.store.readers import is_mass_cancel

INSTRUMENTS_A_MESSAGE = 100


class MassRequests:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        *,
        desk: Desk,
        recorder: Recorder,
        instruments: Callable[[str], Mapping[str, Instrument]],
        profiles: Mapping[str, SessionProfile],
        was_done: Callable[[str, str, int], bool],
    ) -> None:
        """instruments: what a venue account lists, by symbol.

        was_done: whether SQL has a mass cancel of this session with this ClOrdID(11) that was done since then.
        """
        self._desk = desk
        self._recorder = recorder
        self._instruments = instruments
        self._profiles = profiles
        self._was_done = was_done

    def cancel(self, command: c.MassCancel) -> bool:
        """OrderMassCancelRequest(q). No limit, halt or queue stops it.

        The orders are withdrawn: each is canceled at its venue, again and again until that is confirmed, and its own
        session is told. One that is being canceled already counts and needs nothing more.

        Returns whether there was one to cancel that was not being canceled already.
        """
        profile, wanted = self._profiles[command.session], command.wanted
        orders = self._selected(wanted, profile)
        problem = self._problem(wanted, profile)
        if problem is not None and not orders:
            self.refuse(_refusal(command, *problem))
            return False
        if self._repeats(command):
            # What was sent since the first time is not meant.
            self._note_request(command, 0, f"MASS_CANCEL_REPEATED cl_ord_id={command.cl_ord_id}: it was done before")
            return False
        self._note_request(command, len(orders))
        new = [order for order in orders if not any(request.kind.is_ours for request in order.requests)]
        for order in new:
            self._withdraw(order, command)
        return bool(new)

    def refuse(self, refusal: e.MassCancelRefused) -> None:
        """Of a request that cannot be followed."""
        changes = Changes()
        changes.note(refusal)
        self._recorder.record(changes)

    def status(self, command: c.RequestMassStatus) -> None:
        """OrderMassStatusRequest(AF): what a mass cancel of the same scope would be about.

        A scope that the session cannot have is no scope without orders: who is told so might take its own for gone.
        """
        profile, wanted = self._profiles[command.session], command.wanted
        orders = [] if command.refusal else self._selected(wanted, profile)
        if not orders and not command.refusal and (problem := self._problem(wanted, profile)) is not None:
            command = replace(command, refusal=problem[1])
        for report in mass_status_reports(command, orders):
            self._recorder.answer(report, command.at)

    def securities(self, command: c.RequestSecurities) -> None:
        """SecurityListRequest(x): what the venues of the session's accounts trade now."""
        if command.refusal:
            self._answer_list(command, SecurityRequestResult.UNSUPPORTED, [], command.refusal)
            return
        listed = self._listed(self._profiles[command.session])
        if not listed:
            text = "no venue has told its instruments yet; try again"
            self._answer_list(command, SecurityRequestResult.TEMPORARILY_UNAVAILABLE, [], text)
            return
        found = [i for i in listed.values() if i.tradable and command.symbol in ("", i.symbol)]
        if found:
            self._answer_list(command, SecurityRequestResult.VALID, sorted(found, key=lambda i: i.symbol))
        else:
            text = f"nothing that can be traded now: {command.symbol or 'all'}"
            self._answer_list(command, SecurityRequestResult.NOTHING_FOUND, [], text)

    def _answer_list(
        self, command: c.RequestSecurities, result: SecurityRequestResult, found: list[Instrument], text: str = ""
    ) -> None:
        response_id = f"L{self._recorder.report_id + 1}"
        for first in range(0, len(found) or 1, INSTRUMENTS_A_MESSAGE):
            part = found[first : first + INSTRUMENTS_A_MESSAGE]
            self._recorder.answer(
                SecurityList(
                    session=command.session,
                    request_id=command.request_id,
                    response_id=response_id,
                    result=result,
                    total=len(found),
                    is_last=first + len(part) >= len(found),
                    instruments=tuple(part),
                    text=text,
                ),
                command.at,
            )

    def _listed(self, profile: SessionProfile) -> dict[str, Instrument]:
        listed: dict[str, Instrument] = {}
        for venue_account in sorted({account.venue_account for account in profile.accounts.values()}):
            listed = {**self._instruments(venue_account), **listed}
        return listed

    def _selected(self, wanted: Selection, profile: SessionProfile) -> list[Order]:
        book = self._recorder.book
        if wanted.account in profile.cancel_accounts:
            return select((book.orders[order_id] for order_id in book.working), wanted, profile)
        return select(book.working_of(profile.key), wanted, profile)

    def _repeats(self, command: c.MassCancel) -> bool:
        if not command.repeated:
            return False
        # One that was received and failed is not done: a cancel is never blocked.
        today = self._recorder.book.day_start  # the same id of another day is another request
        return self._was_done(command.session, command.cl_ord_id, today) or any(
            row.event_type == e.MassCancelRequested.__name__
            and is_mass_cancel(row.payload, command.session, command.cl_ord_id)
            for row in self._recorder.batch.journal
        )

    def _problem(self, wanted: Selection, profile: SessionProfile) -> tuple[MassCancelRejectReason, str] | None:
        if wanted.account and wanted.account not in profile.accounts and wanted.account not in profile.cancel_accounts:
            allowed = ",".join(sorted({*profile.accounts, *profile.cancel_accounts}))
            text = f"ACCOUNT_NOT_ALLOWED account={wanted.account} allowed={allowed}"
            return MassCancelRejectReason.NOT_SUPPORTED, text
        listed = self._listed(profile)
        if wanted.symbol and listed and wanted.symbol not in listed:
            return MassCancelRejectReason.UNKNOWN_SECURITY, f"UNKNOWN_SYMBOL symbol={wanted.symbol}"
        return None

    def _note_request(self, command: c.MassCancel, affected: int, text: str = "") -> None:
        changes, wanted = Changes(), command.wanted
        changes.note(
            e.MassCancelRequested(
                order_id="",
                at=command.at,
                session=command.session,
                cl_ord_id=command.cl_ord_id,
                request_type=command.request_type,
                affected=affected,
                account=wanted.account,
                symbol=wanted.symbol,
                side=wanted.side,
                text=text,
            )
        )
        self._recorder.record(changes)

    def _withdraw(self, order: Order, command: c.MassCancel) -> None:
        try:
            self._desk.withdraw(order, command.at, text=f"MASS_CANCEL cl_ord_id={command.cl_ord_id}")
        except Exception as error:  # one order's trouble is not the others'
            logger.opt(exception=error).error("mass cancel failed order_id={}", order.order_id)
            text = f"mass cancel of {order.order_id}: {type(error).__name__}: {error}"
            self._recorder.alert("QUARANTINED", text, command.at, order.session)


def _refusal(command: c.MassCancel, reason: MassCancelRejectReason, text: str) -> e.MassCancelRefused:
    return e.MassCancelRefused(
        order_id="",
        at=command.at,
        session=command.session,
        cl_ord_id=command.cl_ord_id,
        request_type=command.request_type,
        reason=reason,
        text=text,
    )
