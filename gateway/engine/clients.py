"""Messages from FIX clients: recorded, decoded, handed to the desk, or refused."""

from collections.abc import Callable, Collection, Mapping

from loguru import logger

from gateway.domain import commands as c
from gateway.domain.events import MassCancelRefused, NewOrderRefused, RequestRefused
from gateway.domain.reports import BusinessReject, DontKnowTrade, MessageRejected
from gateway.engine.desk import Desk
from gateway.engine.disconnects import Disconnects
from gateway.engine.inbox import AdminReceived, AppReceived, CallbackFailed
from gateway.engine.mass import MassRequests
from gateway.engine.message_ids import ids_of
from gateway.engine.numbers import SessionState
from gateway.engine.ports import FixCodec
from gateway.engine.proofs import proven_by
from gateway.engine.recorder import Recorder
from gateway.engine.rejected_messages import RejectedMessages
from gateway.engine.test_orders import TestOrders
from gateway.engine.throttle import Throttle
from gateway.store.rows import MessageRow

QUARANTINED = "the gateway could not process this message; it was not acted on"
"""Text(58) of the answer to a message that made us fail."""


class Clients:
    """The client side of the engine's loop."""

    def __init__(
        self,
        *,
        desk: Desk,
        recorder: Recorder,
        codec: FixCodec,
        sessions: Mapping[str, SessionState],
        disconnects: Disconnects,
        mass: MassRequests,
        throttle: Throttle | None = None,
        order_refusal: Callable[[], str] = lambda: "",
        drop_copies: Collection[str] = (),
        most_waiting: int,
        test_orders: TestOrders,
        rejected: RejectedMessages,
    ) -> None:
        """drop_copies: sessions that only listen. order_refusal: why no order is taken; empty where they are.

        most_waiting: with more messages of its session behind it, an order or a replace is refused.
        """
        self._desk = desk
        self._mass = mass
        self._drop_copies = drop_copies
        self._throttle = throttle
        self._order_refusal = order_refusal
        self._recorder = recorder
        self._codec = codec
        self._sessions = sessions
        self._disconnects = disconnects
        self._most_waiting = most_waiting
        self._test_orders = test_orders
        self._rejected = rejected

    def app_received(self, item: AppReceived) -> None:
        """An application message. Its number is consumed with it, whatever becomes of it."""
        decoded = self._codec.decode(item.text, item.session, item.at)
        # Before anything is done: what fails from here on is answered as a message that was not acted on.
        row = self._row(item, getattr(decoded, "cl_ord_id", None) or None)
        order_id = self._act(decoded, item)
        self._take(item, row._replace(order_id=order_id) if order_id else row)

    def admin_received(self, item: AdminReceived) -> None:
        """A session-level message: QuickFIX answers it, we record it and take what it proves."""
        if item.msg_type == "0":
            self._sessions[item.session].proven(proven_by(item.text))
        elif item.msg_type == "A":
            self._test_orders.logon_received(item.session, item.text)
        elif item.msg_type == "5":
            self._disconnects.logout_received(item.session)
        if self._throttle is not None:  # it is answered already: too many of them can only end the session
            self._throttle.take(item.session, item.msg_type, item.at)
        self._take(item, self._row(item))
        if item.msg_type == "3":  # after its number is taken: what cannot be looked up must not come again
            decoded = self._codec.decode(item.text, item.session, item.at)
            if isinstance(decoded, MessageRejected):
                self._rejected.alert(decoded, item.at)

    def quarantine(self, item: AppReceived) -> None:
        """A message that made us fail: answered as a business reject, its number consumed, so it never comes again."""
        try:
            self._recorder.answer(
                BusinessReject(
                    session=item.session,
                    ref_seq_num=item.msg_seq_num,
                    ref_msg_type=item.msg_type,
                    ref_id="",
                    reason="4",  # application not available
                    text=QUARANTINED,
                ),
                item.at,
            )
        except Exception as error:  # even the answer failed: the alert has to do
            logger.opt(exception=error).error("quarantine not answered session={}", item.session)
        try:
            row = self._row(item)
        except UnicodeEncodeError:
            row = self._row(item, errors="backslashreplace")
        self._take(item, row)

    def callback_failed(self, item: CallbackFailed) -> None:
        """As quarantine, for a message that never became an item."""
        in_turn = item.msg_seq_num == self._sessions[item.session].next_in
        progress = item.msg_seq_num + 1 if in_turn else 0
        self.quarantine(
            AppReceived(item.session, item.text, item.msg_type, item.msg_seq_num, progress, in_turn, item.at)
        )

    def _act(self, decoded: object, item: AppReceived) -> str:
        if item.session in self._drop_copies and not isinstance(decoded, DontKnowTrade | MessageRejected):
            self._recorder.answer(_only_listens(item, decoded), item.at)
            return ""
        is_test = self._test_orders.refusal(item.session)
        if is_test and isinstance(decoded, c.NewOrder | c.ReplaceOrder):
            return self._desk.turn_away(decoded, is_test)
        too_many = self._throttle.take(item.session, item.msg_type, item.at) if self._throttle is not None else ""
        if too_many and isinstance(decoded, c.NewOrder | c.ReplaceOrder):
            return self._desk.turn_away(decoded, too_many)
        if too_many and isinstance(decoded, c.RequestStatus | c.RequestMassStatus | c.RequestSecurities):
            self._recorder.answer(_not_now(item, decoded, too_many), item.at)
            return ""
        if self._order_refusal() and isinstance(decoded, c.NewOrder | c.ReplaceOrder):
            return self._desk.turn_away(decoded, self._order_refusal())
        if item.waiting > self._most_waiting and isinstance(decoded, c.NewOrder | c.ReplaceOrder):
            text = f"TOO_MANY_WAITING limit={self._most_waiting} waiting={item.waiting}"
            return self._desk.turn_away(decoded, text)
        match decoded:
            case c.NewOrder():
                return self._desk.new_order(decoded)
            case c.CancelOrder():
                return self._desk.cancel(decoded)
            case c.ReplaceOrder():
                return self._desk.replace(decoded)
            case c.RequestStatus():
                return self._desk.status(decoded)
            case c.MassCancel():
                if not self._mass.cancel(decoded) and self._throttle is not None:
                    self._throttle.count(item.session, item.at)  # answered; but so many of them are no way to cancel
            case c.RequestMassStatus():
                self._mass.status(decoded)
            case c.RequestSecurities():
                self._mass.securities(decoded)
            case MassCancelRefused():
                self._mass.refuse(decoded)
                if self._throttle is not None:
                    self._throttle.count(item.session, item.at)
            case NewOrderRefused() | RequestRefused():
                return self._desk.refuse(decoded)
            case BusinessReject():
                self._recorder.answer(decoded, item.at)
            case DontKnowTrade():
                self._dont_know_trade(decoded, item)
            case MessageRejected():
                self._rejected.alert(decoded, item.at)
            case _:
                raise TypeError(f"nothing is done with {type(decoded).__name__}")
        return ""

    def _dont_know_trade(self, dk: DontKnowTrade, item: AppReceived) -> None:
        text = f"exec_id={dk.exec_id} order_id={dk.order_id} reason={dk.reason} {dk.text}"
        self._recorder.alert("DONT_KNOW_TRADE", text, item.at, item.session)

    def _row(
        self, item: AppReceived | AdminReceived, cl_ord_id: str | None = None, errors: str = "surrogateescape"
    ) -> MessageRow:
        """The message as SQL keeps it. Changes nothing. errors: for text that never was bytes."""
        state = self._sessions[item.session]
        named_cl_ord_id, named_order_id = ids_of(item.text)
        # A number can come in turn and stay unconsumed (a SequenceReset that QuickFIX refuses). It is then used again,
        # and SQL takes each number's first use once: it is the message that moves next_in past it.
        first_use = item.in_turn and state.next_in <= item.msg_seq_num < item.progress
        return MessageRow(
            item.session,
            state.epoch,
            "in",
            item.msg_seq_num,
            item.msg_type,
            not item.in_turn,
            first_use,
            item.at,
            cl_ord_id or named_cl_ord_id,
            named_order_id,
            None,
            item.text.encode("utf-8", errors),
        )

    def _take(self, item: AppReceived | AdminReceived, row: MessageRow) -> None:
        self._sessions[item.session].received(item.progress, item.at)
        self._recorder.batch.messages.append(row)


def _not_now(item: AppReceived, decoded: object, text: str) -> BusinessReject:
    ref_id = getattr(decoded, "cl_ord_id", "") or getattr(decoded, "request_id", "")
    return BusinessReject(
        session=item.session,
        ref_seq_num=item.msg_seq_num,
        ref_msg_type=item.msg_type,
        ref_id=ref_id,
        reason="4",  # application not available
        text=text,
    )


def _only_listens(item: AppReceived, decoded: object) -> BusinessReject:
    """The answer to whatever a drop copy session asks for."""
    return BusinessReject(
        session=item.session,
        ref_seq_num=item.msg_seq_num,
        ref_msg_type=item.msg_type,
        ref_id=getattr(decoded, "cl_ord_id", ""),
        reason="6",
        text="DROP_COPY_ONLY this session is told of orders, and can neither trade nor ask",
    )
