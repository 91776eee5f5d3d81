"""Put a private Unix socket in the place of QuickFIX's listening TCP socket.

QuickFIX's acceptor listens on every interface, lets one slow first message stall all sessions, and checks
addresses only after it has processed the Logon. So the engine closes that port right after start() and
listens on a Unix socket instead, which only the front (same user) can reach. QuickFIX goes on accepting on
the same descriptor number and does not notice.
"""

import fcntl
import os
import socket
import stat
from pathlib import Path

from gateway.engine.private_socket import ListenerError, private_listener


def free_loopback_port() -> int:
    """A TCP port that was free a moment ago, for QuickFIX to listen on until replace_listener() closes it.

    Another process can take the port before QuickFIX binds it; start() then fails and the caller asks again.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def replace_listener(port: int, socket_path: Path) -> int:
    """Close this process's listening TCP socket on `port` and listen on `socket_path` (mode 0600) instead.

    To be called once, right after the acceptor's start(). A stale socket left at the path is removed. Returns the
    descriptor that QuickFIX listens on, for silence_listener().

    Raises ListenerError when no (or more than one) TCP listener on the port is found, or when the path cannot
    be used: too long, not a socket, or a live process listens there.
    """
    descriptor = _listening_descriptor(port)
    replacement = private_listener(socket_path)
    tcp = socket.socket(fileno=os.dup(descriptor))
    try:
        # QuickFIX counts on the blocking mode it chose for its own socket.
        blocking = not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK
        replacement.setblocking(blocking)
        os.dup2(replacement.fileno(), descriptor, inheritable=False)
        _turn_to_replacement(tcp, socket_path)
    except OSError as error:
        socket_path.unlink(missing_ok=True)
        raise ListenerError(f"cannot put {socket_path} in the place of TCP port {port}: {error}") from error
    finally:
        tcp.close()
        replacement.close()
    return descriptor


def silence_listener(descriptor: int) -> int:
    """Put a pipe into which nothing is ever written in the place of the socket that QuickFIX listens on.

    To be called before the acceptor's stop(), which shuts the descriptor down and closes it on the caller's thread. For
    a socket that wakes QuickFIX's own thread, which then deletes what the caller is still working on; for a pipe it
    does not. Returns the descriptor of the pipe's other end, to be closed when the acceptor has stopped.
    """
    listener = socket.socket(fileno=os.dup(descriptor))
    silent, other_end = os.pipe()
    try:
        os.dup2(silent, descriptor, inheritable=False)
        listener.shutdown(socket.SHUT_RDWR)  # QuickFIX's thread lets go of it, and waits on the pipe
    finally:
        listener.close()
        os.close(silent)
    return other_end


def _turn_to_replacement(tcp: socket.socket, socket_path: Path) -> None:
    """Make QuickFIX's thread, which waits in poll(2), let go of the old socket at once.

    Until poll returns, up to a second, it keeps the old socket open and queueing connections, and does not see
    the new one. Shutting the old socket down wakes it; a connection to the new one makes it return. It must be
    after dup2, or QuickFIX would see its listener fail.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.connect(str(socket_path))
        tcp.shutdown(socket.SHUT_RDWR)


def _listening_descriptor(port: int) -> int:
    descriptors = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    found = [descriptor for descriptor in descriptors if _listens_on(descriptor, port)]
    if not found:
        raise ListenerError(f"this process has no TCP socket listening on port {port}: did the acceptor start?")
    if len(found) > 1:
        raise ListenerError(f"this process has {len(found)} TCP sockets listening on port {port}, expected one")
    return found[0]


def _listens_on(descriptor: int, port: int) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        view = socket.socket(fileno=descriptor)
    except OSError:  # closed since the directory was read
        return False
    try:
        if view.family not in {socket.AF_INET, socket.AF_INET6} or view.type != socket.SOCK_STREAM:
            return False
        listening = view.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return bool(listening) and view.getsockname()[1] == port
    except OSError:
        return False
    finally:
        view.detach()  # the descriptor is QuickFIX's, it must stay open
