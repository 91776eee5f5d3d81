"""Who is at the other end of a Unix socket, by the kernel's word: SO_PEERCRED, see unix(7)."""

import pwd
import socket
import struct

from gateway.engine.operations import Caller

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


def caller_of(connection: socket.socket) -> Caller:
    """The process that made the connection. Raises OSError where the socket is none of this kind."""
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return Caller(uid=uid, pid=pid, who=login_name(uid))


def login_name(uid: int) -> str:
    """The user's name, or the number where the host knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
