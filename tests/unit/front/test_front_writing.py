"""Bytes that are written past the event loop stay in order, and go to nobody else."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from gateway.front.writing import write_at_once

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
BLOCKS = [bytes([number]) * 50_000 for number in range(40)]  # far more than a socket's buffer holds


async def _writing() -> tuple[asyncio.Transport, Callable[[bytes], None], socket.socket]:
    ours, other = socket.socketpair()
    other.setblocking(False)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    return transport, write_at_once(transport), other


@LOOPS
def test_what_the_socket_does_not_take_follows_in_order(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def check() -> None:
        transport, write, other = await _writing()
        write(b"at once")
        assert other.recv(100) == b"at once"  # before the loop had a turn
        for block in BLOCKS:
            write(block)
        assert transport.get_write_buffer_size() > 0
        received = other.recv(1 << 16)
        write(b"the end")  # there is room again, and the transport has not had a turn
        async with asyncio.timeout(10):
            while not received.endswith(b"the end"):
                received += await asyncio.get_running_loop().sock_recv(other, 1 << 16)
        assert received == b"".join([*BLOCKS, b"the end"])
        transport.close()
        other.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(check())


@LOOPS
def test_nothing_is_written_once_the_socket_is_closing(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def check() -> None:
        transport, write, other = await _writing()
        number = transport.get_extra_info("socket").fileno()
        transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)
        pairs = [socket.socketpair() for _ in range(4)]  # one of them has our number now
        ends = [end for pair in pairs for end in pair]
        assert number in {end.fileno() for end in ends}
        write(b"for nobody")
        for end in ends:
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                end.recv(100)
        for end in [*ends, other]:
            end.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(check())


@LOOPS
def test_who_has_hung_up_is_the_transport_s_affair(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def check() -> None:
        transport, write, other = await _writing()
        other.close()
        write(b"too late")
        async with asyncio.timeout(10):
            while not transport.is_closing():  # nothing to wait on
                write(b"too late")
                await asyncio.sleep(0.005)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(check())
