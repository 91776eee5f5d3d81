"""decode and encode as the engine asks for them."""

from collections.abc import Mapping

from gateway.domain.reports import Report
from gateway.engine.ports import Decoded
from gateway.fix.decode import decode
from gateway.fix.dialect import dialect_of
from gateway.fix.encode import encode, msg_type
from gateway.wire.versions import version_of


class Codec:
    """FIX text to commands, and reports to FIX text. Without state: one serves all sessions and threads."""

    def __init__(self, timestamp_precision: Mapping[str, int] | None = None) -> None:
        """timestamp_precision: by session, digits after the second; 3 where it is not there."""
        self._timestamp_precision = timestamp_precision or {}

    def decode(self, text: str, session: str, at: int) -> Decoded:
        """See gateway.fix.decode.decode."""
        return decode(text, session, at)

    def encode(self, report: Report, *, begin_string: str) -> tuple[str, str]:
        """MsgType(35) and body. Raises ValueError for a version that is not spoken here."""
        digits = self._timestamp_precision.get(report.session, 3)
        body = encode(report, dialect_of(version_of(begin_string)), digits)
        return msg_type(body), body
