"""Unix sockets that only processes of the same user, or of a group, can reach; and who is at their other end."""

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import NamedTuple

from gateway.errors import GatewayError

# sockaddr_un.sun_path on Linux is 108 bytes with the closing NUL (unix(7)).
_MAX_SOCKET_PATH_BYTES = 107
_BACKLOG = 256
_UCRED = struct.Struct("3i")  # struct ucred: pid, uid, gid


class ListenerError(GatewayError):
    """A listening socket could not be made, or not be put where it belongs."""


class Peer(NamedTuple):
    """The process that made a connection, and the user and group it ran as then."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """By the kernel's word: SO_PEERCRED, see unix(7). Raises OSError where the socket is none of this kind."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return Peer._make(_UCRED.unpack(found))


def private_listener(path: Path, group: int | None = None) -> socket.socket:
    """Listen on a Unix socket at the path, mode 0600, or 0660 with this group. A stale socket left there is removed.

    Raises ListenerError when the path cannot be used: too long, not a socket, or a live process listens there; or when
    it cannot be given to the group.
    """
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise ListenerError(
            f"the Unix socket path is {len(os.fsencode(path))} bytes, at most {_MAX_SOCKET_PATH_BYTES} "
            f"are allowed: {path}",
        )
    _remove_stale_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mode must be right from the first instant, so chmod after bind would be too late.
    umask = os.umask(0o177)
    try:
        listener.bind(str(path))
        if group is not None:  # the group first: until then nobody but us gets in
            os.chown(path, -1, group)
            path.chmod(0o660)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenerError(f"cannot listen on the Unix socket {path}: {error}") from error
    finally:
        os.umask(umask)
    return listener


def _remove_stale_socket(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenerError(f"{path} exists and is not a socket; remove it or configure another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        raise ListenerError(f"another process is listening on {path}; is a gateway already running?")
    path.unlink(missing_ok=True)
