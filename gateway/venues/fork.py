"""The venues' process as the engine makes it: forked before the engine has begun, and never outliving it."""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from loguru import logger

from gateway.parent import stop_with_parent

_PR_SET_NAME = 15  # linux/prctl.h


class VenueProcess:
    """A process that is the caller's child, and a socket to it. To be made while there is one thread."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        """serve: what it does, given its end of the socket.

        Forked and not started afresh, which would import everything once more. It ends with its parent, however that
        ends: a venue must not hear of an engine that is dead.
        """
        self.socket, theirs = socket.socketpair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            _child(parent, lambda: serve(theirs))
        theirs.close()

    def end(self, seconds: float) -> None:
        """Wait for its end; kill it when that takes longer."""
        until = time.monotonic() + seconds
        with suppress(ChildProcessError):  # whoever started us ignores SIGCHLD: then nobody is left to wait for
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    logger.error("the venues' process does not end, killed pid={}", self.pid)
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    return
                time.sleep(0.01)


def _child(parent: int, run: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        stop_with_parent(parent, signal.SIGKILL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_NAME, b"fixgw-venues")
        run()
        code = 0
    except BaseException as error:  # the engine sees the end, and the log has the reason
        logger.opt(exception=error).critical("the venues' process died")
    finally:
        os._exit(code)
