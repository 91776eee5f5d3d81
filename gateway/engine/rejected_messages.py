"""Messages of ours that a client rejects: an ExecutionReport(8) that it could not use it has not booked.

FIX has nothing to answer to that, and the session goes on as if the message had been taken. So a person is told which
report of which order it was.
"""

from collections.abc import Callable, Mapping

from gateway.domain.reports import MessageRejected
from gateway.engine.numbers import SessionState
from gateway.engine.recorder import Recorder
from gateway.store.rows import MessageRow
from gateway.wire import tags as t
from gateway.wire.field_names import NAMES, VALUE_NAMES
from gateway.wire.raw import RawFormatError, first_values, to_text

_TOLD = (t.CL_ORD_ID, t.ORDER_ID, t.EXEC_ID, t.EXEC_TYPE, t.ORD_STATUS)


class RejectedMessages:
    """Only the engine's thread uses it."""

    def __init__(
        self,
        recorder: Recorder,
        sessions: Mapping[str, SessionState],
        sent: Callable[[str, int, int], MessageRow | None],
    ) -> None:
        """sent: what SQL has under this session, epoch and MsgSeqNum(34)."""
        self._recorder = recorder
        self._sessions = sessions
        self._sent = sent

    def alert(self, rejected: MessageRejected, at: int) -> None:
        """Tell a person. Raises what SQL raises."""
        message = self._find(rejected.session, rejected.ref_seq_num) if rejected.ref_seq_num else None
        name = VALUE_NAMES[t.MSG_TYPE].get(rejected.msg_type, "")
        what = (
            f"MsgSeqNum(34)={rejected.ref_seq_num} {_shown(message)}" if rejected.ref_seq_num else "an unnamed message"
        )
        text = f"{name}({rejected.msg_type}) of {what}: {rejected.reason}"
        order_id = message.order_id if message is not None else None
        self._recorder.alert("MESSAGE_REJECTED", text, at, rejected.session, order_id)

    def _find(self, session: str, number: int) -> MessageRow | None:
        epoch = self._sessions[session].epoch
        for row in reversed(self._recorder.batch.messages):  # what was just sent is not committed yet
            if (row.session, row.epoch, row.direction, row.msg_seq_num) == (session, epoch, "out", number):
                return row
        return self._sent(session, epoch, number)


def _shown(message: MessageRow | None) -> str:
    if message is None:
        return "(which was not sent under that number, or is archived)"
    try:
        values = first_values(to_text(message.raw))
    except RawFormatError:  # not of our making; the order is named by the row all the same
        values = {}
    name = VALUE_NAMES[t.MSG_TYPE].get(message.msg_type, "")
    told = [f"{NAMES[tag]}({tag})={values[tag]}" for tag in _TOLD if tag in values]
    return " ".join([f"{name}({message.msg_type})", *told])
