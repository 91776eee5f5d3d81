"""Who is at the other end of the control socket, for the record."""

import pwd
import socket

from gateway.engine.operations import Caller
from gateway.engine.private_socket import peer_of


def caller_of(connection: socket.socket, owner: int) -> Caller:
    """The process that made the connection. owner: the user whose gateway it is.

    Raises OSError where the socket is none of this kind.
    """
    peer = peer_of(connection)
    return Caller(uid=peer.uid, pid=peer.pid, who=login_name(peer.uid), is_owner=peer.uid in (owner, 0))


def login_name(uid: int) -> str:
    """The user's name, or the number where the host knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
