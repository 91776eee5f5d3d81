"""decode and encode as the engine asks for them."""

from gateway.domain.reports import Report
from gateway.engine.ports import Decoded
from gateway.fix.decode import decode
from gateway.fix.dialect import dialect_of
from gateway.fix.encode import encode, msg_type


class Codec:
    """FIX text to commands, and reports to FIX text. Without state: one serves all sessions and threads."""

    def decode(self, text: str, session: str, at: int) -> Decoded:
        """See gateway.fix.decode.decode."""
        return decode(text, session, at)

    def encode(self, report: Report, *, begin_string: str) -> tuple[str, str]:
        """MsgType(35) and body. Raises ValueError for a version that is not spoken here."""
        body = encode(report, dialect_of(begin_string))
        return msg_type(body), body
