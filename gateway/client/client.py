"""The initiator that desk tools and tests use: a session, order entry, and waiting for answers."""

from collections.abc import Callable, Mapping

from gateway.client.describe import conversation
from gateway.client.errors import ExpectTimeout
from gateway.client.inbox import Expectation
from gateway.client.message import FixMessage
from gateway.client.order_entry import OrderEntry
from gateway.client.session import FixSession

_SHOWN_MESSAGES = 60


class FixClient(FixSession, OrderEntry):
    """A FIX initiator.

        async with FixClient("127.0.0.1", 9880, sender_comp_id="DESK", target_comp_id="FIXGW") as client:
            order = client.new_order("BTCUSDT", "buy", "0.5", price="60000", time_in_force="GTC")
            report = await client.expect("8", {11: order, 39: "0"})
            client.cancel(order)
            await client.expect("8", {41: order, 39: "4"})

    Leaving the block logs out. Arguments: see FixSession.
    """

    async def expect(
        self,
        msg_type: str | None = None,
        tags: Mapping[int, str] | None = None,
        *,
        predicate: Callable[[FixMessage], bool] | None = None,
        timeout: float = 5,  # noqa: ASYNC109  # the failure must show the conversation
    ) -> FixMessage:
        """The first message not yet consumed that has the type, the tags and satisfies the predicate.

        It is consumed; others before it stay. Without msg_type, messages of the session layer are passed over.
        Raises ExpectTimeout, whose text shows the conversation, also at once when the connection has ended.
        """
        expectation = Expectation(msg_type, tags, predicate)
        message = await self._inbox.take(expectation, timeout)
        if message is None:
            why = f"within {timeout:g} s" if self.connected else f"before the end ({self.closed_reason})"
            raise ExpectTimeout(
                f"{expectation} did not arrive {why}. "
                f"{self.sender_comp_id} to {self.target_comp_id}, the last {_SHOWN_MESSAGES} messages:\n"
                f"{conversation(self.transcript[-_SHOWN_MESSAGES:])}"
            )
        return message

    def unconsumed(self, msg_type: str | None = None) -> list[FixMessage]:
        """Messages received and not yet expected; without msg_type, those of the session layer left out."""
        expectation = Expectation(msg_type)
        return [message for message in self._inbox.unconsumed if expectation.matches(message)]

    def drain(self) -> list[FixMessage]:
        """Consume and return everything received and not yet expected."""
        return self._inbox.drain()

    async def ping(self, timeout: float = 5) -> None:  # noqa: ASYNC109  # passed on to expect
        """TestRequest and its Heartbeat: all that the counterparty sent before has then been received."""
        test_req_id = f"ping-{self.next_out}"
        self.send("1", [(112, test_req_id)])
        await self.expect("0", {112: test_req_id}, timeout=timeout)
