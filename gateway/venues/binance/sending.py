"""How a signed request of an account goes out, on either channel."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from gateway.venues.binance.channel import Handler, RequestLostError
from gateway.venues.binance.environments import Credentials
from gateway.venues.binance.requests import Params
from gateway.venues.binance.rest import NotSentError, RestClient
from gateway.venues.binance.user_stream import ws_params
from gateway.venues.binance.ws_api import WsConnection

Spawn = Callable[[Coroutine[object, object, None]], "asyncio.Task[None]"]


@dataclass(frozen=True, slots=True)
class Sending:
    """Used from the adapters' loop only. A handler hears of its answer or its loss, whatever happens.

    rest: raises NotSentError while there is none. credentials: what signs over REST, as they are now.
    """

    rest: Callable[[], RestClient]
    credentials: Callable[[], Credentials]
    timeout_s: float
    spawn: Spawn

    def over_ws(self, connection: WsConnection, method: str, params: Params, body: bytes, handler: Handler) -> None:
        """Send it; signed with the key that the connection was opened with, which may not be the newest.

        body: the parameters as JSON.
        """
        credentials = connection.credentials
        if not credentials.signer.session_logon:
            body = ws_params(params, credentials, body)
        connection.send(method, body, handler, self.timeout_s)

    def over_rest(self, verb: str, path: str, params: Params, handler: Handler) -> None:
        """Send it from a task of its own."""
        task = self.spawn(self._rest_call(verb, path, params, handler))
        task.add_done_callback(lambda done: _settle_broken(done, handler))

    async def _rest_call(self, verb: str, path: str, params: Params, handler: Handler) -> None:
        try:
            answer = await self.rest().signed(verb, path, params, self.credentials(), self.timeout_s)
        except NotSentError as error:
            handler.lost(str(error), written=False)
        except RequestLostError as error:
            handler.lost(str(error), written=True)
        else:
            handler.answered(answer)


def _settle_broken(task: "asyncio.Task[None]", handler: Handler) -> None:
    """A call that neither was answered nor found itself lost: stopped, or broken by a defect. It may have left."""
    if task.cancelled():
        handler.lost("stopped", written=True)
    elif (error := task.exception()) is not None:
        handler.lost(f"the call failed: {type(error).__name__}", written=True)
