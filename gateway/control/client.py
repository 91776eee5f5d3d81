"""Asking the running engine for something, from another process of the same user."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

from gateway.errors import GatewayError

_TIMEOUT_S = 90.0


class ControlError(GatewayError):
    """The engine could not be asked."""


class Answer(NamedTuple):
    """As the server gives it."""

    done: bool
    text: str
    result: dict[str, Any]


def ask(path: Path, command: str, arguments: dict[str, Any], more_s: float = 0) -> Answer:
    """Have the engine behind the socket do something, and wait for its answer. Raises ControlError.

    more_s: how much longer than others the command may take.
    """
    connection = _Connection(path, _TIMEOUT_S + more_s)
    try:
        connection.request("POST", f"/commands/{command}", json.dumps(arguments))
        body = json.loads(connection.getresponse().read())
        return Answer(bool(body["done"]), str(body["text"]), dict(body["result"]))
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlError(f"no engine runs here: nobody listens on {path}") from error
    except PermissionError as error:
        raise ControlError(
            f"{path}: only the user that runs the gateway, and members of engine.control_group, may use it"
        ) from error
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise ControlError(
            f"the engine did not answer ({type(error).__name__}: {error}); whether it did anything, admin_actions in "
            "SQL tells"
        ) from error
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("engine", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """To the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
