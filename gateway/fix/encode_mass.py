"""OrderMassCancelReport(r) and SecurityList(y) as FIX text, which FIX has since 4.3.

Source: FIX 4.4, volume 4 ("Order Mass Cancel Report") and volume 3 ("Security List").
"""

from gateway.domain.instruments import Instrument
from gateway.domain.mass_reports import MassCancelReport, OfMassStatus, SecurityList
from gateway.domain.money import text_of
from gateway.fix.safe_text import safe
from gateway.wire.versions import FIX_50_SP2

_REJECTED = "0"


def encode_mass_cancel_report(report: MassCancelReport, transact_time: str, version: str) -> str:
    """The whole body. transact_time: as text. From 5.0 on the report has an id of its own, MassActionReportID(1369)."""
    response = report.request_type if report.reject_reason is None else _REJECTED
    body = f"35=r\x0111={report.cl_ord_id}\x0137=M{report.position}\x01530={report.request_type}\x01531={response}\x01"
    if version == FIX_50_SP2:
        body += f"1369=M{report.position}\x01"
    if report.reject_reason is not None:
        body += f"532={report.reject_reason}\x01"
    body += f"533={report.affected}\x01"
    if report.symbol:
        body += f"55={report.symbol}\x01"
    if report.side is not None:
        body += f"54={report.side}\x01"
    body += f"60={transact_time}\x01"
    return f"{body}58={safe(report.text)}\x01" if report.text else body


def mass_status_fields(of: OfMassStatus) -> str:
    """What an ExecutionReport carries more as one of the answers to an OrderMassStatusRequest(AF)."""
    return f"584={of.request_id}\x01911={of.total}\x01912={'Y' if of.is_last else 'N'}\x01"


def encode_security_list(report: SecurityList) -> str:
    """The whole body of one fragment."""
    body = (
        f"35=y\x01320={report.request_id}\x01322={report.response_id}\x01560={report.result}\x01"
        f"393={report.total}\x01893={'Y' if report.is_last else 'N'}\x01"
    )
    if report.instruments:
        body += f"146={len(report.instruments)}\x01"
    elif report.text:
        body += f"58={safe(report.text)}\x01"
    return body + "".join([_instrument(instrument) for instrument in report.instruments])


def _instrument(instrument: Instrument) -> str:
    """Prices quote per base; what FIX 4.4 has no field for is in Text(58)."""
    limits = {
        "tick": instrument.tick_size,
        "min_price": instrument.min_price,
        "max_price": instrument.max_price,
        "max_qty": instrument.max_qty,
        "min_notional": instrument.min_notional,
        "max_notional": instrument.max_notional,
    }
    text = " ".join([f"{name}={text_of(value)}" for name, value in limits.items() if value])
    base, quote = safe(instrument.base), safe(instrument.quote)
    body = f"55={safe(instrument.symbol)}\x01107={base}/{quote}\x0115={quote}\x01"
    if instrument.qty_step:
        body += f"561={text_of(instrument.qty_step)}\x01"
    if instrument.min_qty:
        body += f"562={text_of(instrument.min_qty)}\x01"
    return f"{body}58={text}\x01" if text else body
