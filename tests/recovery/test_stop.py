"""How the gateway ends when it is told to."""

import asyncio
import signal

import pytest

from gateway import bootstrap
from gateway.cli.run import ENGINE_STOP_S
from gateway.fix.acceptor import LOGOUT_S
from gateway.venues import link
from tests.fixtures.processes import Gateway


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_clients_are_logged_out_before_the_connection_ends(gateway: Gateway, number: signal.Signals) -> None:
    client = gateway.client()
    await client.connect()
    stopped = asyncio.create_task(asyncio.to_thread(gateway.stop, number))
    assert await client.wait_closed() == "logged out by FIXGW"
    assert await stopped == 0
    assert "ERROR" not in gateway.log()


def test_the_supervisor_waits_longer_than_the_engine_may_take_to_stop() -> None:
    quickfix_tick, margin = 2, 5
    assert LOGOUT_S + link._STOP_S + bootstrap._STOP_TIMEOUT_S + quickfix_tick + margin < ENGINE_STOP_S
