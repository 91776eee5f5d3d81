"""SIGUSR1 to `fixgw run`: the kill switch for the whole firm, when there is no time to type."""

import threading
import time
from pathlib import Path

from loguru import logger

from gateway.control.client import ControlError, ask

_AGAIN_S = 0.5
_TELL_S = 60.0  # an engine behind a shared front may be away for days


class KillOnSignal:
    """Asks the engine, again and again until it has answered: it may be starting just now."""

    def __init__(self, control_socket: Path) -> None:
        self._socket = control_socket
        self._thread: threading.Thread | None = None

    def __call__(self) -> None:
        """Returns at once. A second signal changes nothing while the first is being dealt with."""
        logger.warning("SIGUSR1: halting the firm")
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._ask, name="kill", daemon=True)
            self._thread.start()

    def _ask(self) -> None:
        said, quiet_until = "", 0.0
        while True:
            try:
                answer = ask(self._socket, "kill", {"reason": "SIGUSR1 to fixgw run"})
            except ControlError as error:
                if str(error) != said or time.monotonic() > quiet_until:
                    said, quiet_until = str(error), time.monotonic() + _TELL_S
                    logger.error("not halted yet, trying again: {}", error)
                time.sleep(_AGAIN_S)
            else:
                logger.warning("{}", answer.text)
                return
