"""Asking the running engine, or the front, for something, from another process of the same user."""

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any, NamedTuple

from gateway.errors import GatewayError

_TIMEOUT_S = 90.0
_LONGEST_NAME = 107  # bytes of a Unix socket's name, unix(7)
LOOK_S = 2.0
"""How long a process may take to tell what it has at hand."""


class ControlError(GatewayError):
    """The process could not be asked."""


class Answer(NamedTuple):
    """As the server gives it."""

    done: bool
    text: str
    result: dict[str, Any]


def ask(path: Path, command: str, arguments: dict[str, Any], more_s: float = 0) -> Answer:
    """Have the engine behind the socket do something, and wait for its answer. Raises ControlError.

    more_s: how much longer than others the command may take.
    """
    try:
        body = exchange(path, "POST", f"/commands/{command}", arguments, _TIMEOUT_S + more_s)
        return Answer(bool(body["done"]), str(body["text"]), dict(body["result"]))
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlError(f"no engine runs here: nobody listens on {path}; is it another --config?") from error
    except PermissionError as error:
        raise ControlError(
            f"{path}: only the user that runs the gateway, and members of engine.control_group, may use it"
        ) from error
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise ControlError(
            f"the engine did not answer ({type(error).__name__}: {error}); whether it did anything, admin_actions in "
            "SQL tells"
        ) from error


def look(path: Path, who: str) -> dict[str, dict[str, Any]]:
    """What a running process has of its sessions, by SessionID. who: "front" or "engine". Raises ControlError, soon."""
    try:
        body = exchange(path, "GET", "/sessions", None, LOOK_S)
        return {str(key): dict(value) for key, value in body.items()}
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlError(f"the {who} does not run") from error
    except PermissionError as error:
        raise ControlError(f"this user may not ask the {who} (engine.control_group)") from error
    except TimeoutError as error:
        raise ControlError(f"the {who} did not answer within {LOOK_S:g} s") from error
    except (OSError, http.client.HTTPException, ValueError, AttributeError, TypeError) as error:
        raise ControlError(f"the {who} cannot be asked ({type(error).__name__}: {error})") from error


def exchange(path: Path, method: str, target: str, body: Any, timeout_s: float) -> Any:
    """One request and its answer, both JSON. body: None for none. timeout_s: of each wait for the other side.

    Raises OSError, http.client.HTTPException, and ValueError for an answer that is not JSON.
    """
    connection = _Connection(path, timeout_s)
    try:
        connection.request(method, target, None if body is None else json.dumps(body))
        return json.loads(connection.getresponse().read())
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
        if len(os.fsencode(self._path)) <= _LONGEST_NAME:
            self.sock.connect(str(self._path))
            return
        directory = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        try:  # by its directory's descriptor the name is short
            self.sock.connect(f"/proc/self/fd/{directory}/{self._path.name}")
        finally:
            os.close(directory)
