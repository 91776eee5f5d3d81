"""What clients, timers and operators ask for: imperative, frozen, already decoded and bounded.

Times are integer nanoseconds UTC. Quantities are base units, prices quote per base.
"""

from decimal import Decimal

from gateway.domain.frozen import frozen
from gateway.domain.selection import Selection
from gateway.domain.values import OrdType, Side, TimeInForce

Echo = tuple[tuple[int, str], ...]
"""Fields of the client's message that FIX has us send back unchanged, in their order; opaque to the domain."""


@frozen
class ClientCommand:
    """What every request of a client carries.

    repeated: PossDupFlag(43)=Y or PossResend(97)=Y; a known ClOrdID(11) then gets the current state, never a second
    order.
    """

    session: str
    cl_ord_id: str
    at: int
    repeated: bool = False


@frozen
class NewOrder(ClientCommand):
    """NewOrderSingle(D)."""

    account: str  # "" when the client sent none: the session's default account is used
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    expire_time: int | None = None  # GTD: when it ends
    post_only: bool = False
    sent_at: int | None = None  # when the client first sent it, by its own clock; None: it does not say
    echo: Echo = ()


@frozen
class CancelOrder(ClientCommand):
    """OrderCancelRequest(F)."""

    orig_cl_ord_id: str
    order_id: str | None = None


@frozen
class ReplaceOrder(ClientCommand):
    """OrderCancelReplaceRequest(G). A field left None keeps its value."""

    orig_cl_ord_id: str
    order_id: str | None = None
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    symbol: str | None = None
    side: Side | None = None
    ord_type: OrdType | None = None
    time_in_force: TimeInForce | None = None
    account: str | None = None
    expire_time: int | None = None
    post_only: bool = False  # False is not a wish to lose it: ExecInst(18) may be absent
    sent_at: int | None = None  # as of a new order


@frozen
class RequestStatus(ClientCommand):
    """OrderStatusRequest(H)."""

    order_id: str | None = None
    symbol: str = ""
    side: Side | None = None
    echo: Echo = ()


@frozen
class MassCancel(ClientCommand):
    """OrderMassCancelRequest(q). request_type: MassCancelRequestType(530)."""

    request_type: str
    wanted: Selection


@frozen
class RequestMassStatus:
    """OrderMassStatusRequest(AF). refusal: why it cannot be answered; empty where it can."""

    session: str
    request_id: str
    at: int
    wanted: Selection
    refusal: str = ""


@frozen
class RequestSecurities:
    """SecurityListRequest(x). An empty symbol asks for all. refusal: as of RequestMassStatus."""

    session: str
    request_id: str
    at: int
    symbol: str = ""
    refusal: str = ""


@frozen
class ExpireOrder:
    """The gateway's own timer: a DAY or GTD order has reached its end and is to be canceled at the venue."""

    order_id: str
    at: int


@frozen
class WithdrawOrder:
    """The gateway's own: the order must not rest any longer, for the reason in `text`, which the client is told."""

    order_id: str
    at: int
    text: str


@frozen
class RetryOrder:
    """The gateway's own timer: see whether something of this order waits to be asked again."""

    order_id: str
    at: int
