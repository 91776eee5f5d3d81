"""What a client repeats (PossDupFlag(43)=Y, PossResend(97)=Y) that the book does not know: SQL may."""

from collections.abc import Callable

from gateway.domain import commands as c
from gateway.domain.book import Book
from gateway.domain.order import Order
from gateway.engine.recorder import Recorder


class Repetitions:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        book: Book,
        recorder: Recorder,
        earlier: Callable[[str, str, int, int], Order | None],
        was_refused: Callable[[str, str, str, int], bool],
    ) -> None:
        """earlier, was_refused: see earlier_orders.py."""
        self._book = book
        self._recorder = recorder
        self._earlier = earlier
        self._was_refused = was_refused

    def holder(self, command: c.NewOrder | c.CancelOrder | c.ReplaceOrder) -> Order | None:
        """The order that has the command's ClOrdID: for a repetition also one of an earlier day, whose id is free
        again, unless the command says that it was made today.
        """
        known = self._book.holder(command.session, command.cl_ord_id)
        if known is not None or not command.repeated:
            return known
        made_at = None if isinstance(command, c.CancelOrder) else command.sent_at
        if made_at is not None and made_at >= self._book.day_start:
            return None
        return self._book.by_cl_ord_id(command.session, command.cl_ord_id)

    def of_earlier_day(self, command: c.NewOrder) -> Order | None:
        """What a repetition of an earlier day's order repeats: its id is free again, but nobody wants it twice."""
        today = self._book.day_start
        if not command.repeated or command.sent_at is None or command.sent_at >= today:
            return None
        return self._earlier(command.session, command.cl_ord_id, command.sent_at, today)

    def refused_before(self, command: c.NewOrder | c.ReplaceOrder) -> str:
        """Why a repetition is refused of what the book does not know, but came before: it was refused. The client may
        have been told that, and would not look for an order that works. Empty for all else.
        """
        if not command.repeated:
            return ""
        is_order = isinstance(command, c.NewOrder)
        told = (command.session, "in", "D" if is_order else "G", command.cl_ord_id)
        uncommitted = any(
            (row.session, row.direction, row.msg_type, row.cl_ord_id) == told and not (is_order and row.order_id)
            for row in self._recorder.batch.messages
        )
        today = self._book.day_start
        since = today if command.sent_at is None else min(today, command.sent_at)
        if not uncommitted and not self._was_refused(command.session, command.cl_ord_id, told[2], since):
            return ""
        return f"REFUSED_BEFORE cl_ord_id={command.cl_ord_id}: to try again send it under another ClOrdID(11)"
