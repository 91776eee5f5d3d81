"""Who is at the other end of the engine's Unix socket: processes of our own user, or they are shut out.

The socket's mode lets nobody else in, root excepted; this holds if somebody changes the mode. QuickFIX accepts by
itself and asks nobody, so all its connections are looked at when a Logon comes.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loguru import logger

from gateway.engine.private_socket import peer_of


def shut_out_strangers(socket_path: Path, our_user: int | None = None) -> bool:
    """End connections to the socket that were made by another user. Returns whether there were any.

    our_user: this process's, unless given. Works on Linux; elsewhere there is nothing to ask.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    ours, found = os.geteuid() if our_user is None else our_user, False
    for entry in Path("/proc/self/fd").iterdir():
        with _unix_connection(int(entry.name), str(socket_path)) as connection:
            if connection is None:
                continue
            peer = peer_of(connection)
            if peer.uid != ours:
                found = True
                logger.error("refused a connection to the engine by another user uid={} pid={}", peer.uid, peer.pid)
                connection.shutdown(socket.SHUT_RDWR)  # QuickFIX's own thread closes it
    return found


@contextmanager
def _unix_connection(descriptor: int, path: str) -> Iterator[socket.socket | None]:
    """The accepted connection behind a descriptor that is not ours to close; None for anything else."""
    try:
        view = socket.socket(fileno=descriptor) if stat.S_ISSOCK(os.fstat(descriptor).st_mode) else None
    except OSError:  # closed since the directory was read
        view = None
    try:
        yield view if view is not None and _is_accepted(view, path) else None
    finally:
        if view is not None:
            view.detach()


def _is_accepted(view: socket.socket, path: str) -> bool:
    try:
        listens = view.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return view.family == socket.AF_UNIX and view.getsockname() == path and not listens
    except OSError:
        return False
