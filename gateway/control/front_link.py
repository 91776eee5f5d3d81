"""The engine's way to the front: its control socket, asked from a thread of its own.

A front that hangs holds up this thread for a few seconds, and nobody else.
"""

import http.client
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from loguru import logger

from gateway.control.client import exchange
from gateway.engine.inbox import OperationEnded
from gateway.engine.operations import Finish, Outcome

_ANSWER_S = 5.0


class _Disconnect(NamedTuple):
    session: str
    reason: str
    finish: Finish


class FrontLink:
    """The engine's FrontPort."""

    def __init__(self, path: Path, put: Callable[[Any], None]) -> None:
        """path: of the front's control socket. put: into the engine's inbox."""
        self._path = path
        self._put = put
        self._wanted: SimpleQueue[_Disconnect | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="front-link", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What is wanted still is not answered."""
        self._wanted.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def disconnect(self, session: str, reason: str, finish: Finish) -> None:
        """Have the session's connection cut. OperationEnded comes to the inbox. Returns at once."""
        self._wanted.put(_Disconnect(session, reason, finish))

    def _run(self) -> None:
        while (wanted := self._wanted.get()) is not None:
            self._put(OperationEnded(wanted.finish, self._disconnect(wanted)))

    def _disconnect(self, wanted: _Disconnect) -> Outcome:
        body = {"session": wanted.session, "reason": wanted.reason}
        try:
            answer = exchange(self._path, "POST", "/disconnect", body, _ANSWER_S)
            return Outcome(done=answer["done"] is True, text=str(answer["text"]))
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            logger.error("the front was not reached: {}: {}", type(error).__name__, error)
            return Outcome(
                done=False,
                text=f"the front did not answer ({type(error).__name__}: {error}); whether it cut the connection of "
                f"{wanted.session}, fixgw sessions tells",
            )
