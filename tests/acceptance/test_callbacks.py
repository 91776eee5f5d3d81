"""A failure inside any of QuickFIX's callbacks is alerted and answered where it can be, and the engine lives.

`python -m tests.acceptance.test_callbacks run …` is `fixgw run` with callbacks that fail once for every file
fail-<callback> in the working directory. Everything else is the real thing.
"""

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.client import FixClient, LogonRefused
from gateway.store.tables import alerts, messages
from tests.fixtures.processes import Exchange, Gateway, wait_until

CALLBACKS = ("onCreate", "onLogon", "onLogout", "toAdmin", "toApp", "fromAdmin", "fromApp")


class FailingGateway(Gateway):
    """As Gateway, with fail()."""

    module = "tests.acceptance.test_callbacks"

    def fail(self, callback: str) -> Path:
        """Have the callback fail the next time. The file is gone once it did."""
        trigger = self.directory / f"fail-{callback}"
        trigger.touch()
        return trigger

    def alerts(self) -> list[str]:
        with self.sql() as sql:
            return list(sql.execute(select(alerts.c.text).where(alerts.c.code == "CALLBACK_FAILED")).scalars())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailingGateway]:
    directory = tmp_path_factory.mktemp("gateway")
    exchange = Exchange(directory).start()
    process = FailingGateway(directory, exchange.url)
    process.fail("onCreate")
    process.start()
    yield process
    process.stop()
    exchange.stop()


async def order_works(client: FixClient) -> None:
    order = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="GTC")
    await client.expect("8", {11: order, 150: "0"})
    client.cancel(order)
    await client.expect("8", {41: order, 150: "4"})


async def failed(gateway: FailingGateway, trigger: Path) -> None:
    """The callback failed, and the engine wrote an alert and did not start again."""
    name = trigger.name.removeprefix("fail-")
    wait_until(lambda: not trigger.exists(), f"{name} was called")
    wait_until(lambda: any(text.startswith(f"{name}: OSError: made to fail") for text in gateway.alerts()), "an alert")


async def test_the_engine_starts_although_on_create_fails(gateway: FailingGateway) -> None:
    await failed(gateway, gateway.directory / "fail-onCreate")
    async with gateway.client() as client:
        await order_works(client)


async def test_reports_flow_although_on_logon_failed(gateway: FailingGateway) -> None:
    pid, trigger = gateway.engine_pid(), gateway.fail("onLogon")
    async with gateway.client() as client:
        await failed(gateway, trigger)
        await order_works(client)
    assert gateway.engine_pid() == pid


async def test_reports_wait_although_on_logout_failed(gateway: FailingGateway) -> None:
    pid, trigger = gateway.engine_pid(), gateway.fail("onLogout")
    async with gateway.client() as client:
        await order_works(client)
    await failed(gateway, trigger)
    async with gateway.client() as client:
        await order_works(client)
    assert gateway.engine_pid() == pid


@pytest.mark.parametrize("callback", ["toAdmin", "toApp"])
async def test_what_leaves_still_leaves(gateway: FailingGateway, callback: str) -> None:
    pid = gateway.engine_pid()
    async with gateway.client() as client:
        trigger = gateway.fail(callback)
        if callback == "toAdmin":
            await client.ping()
        await order_works(client)
        await failed(gateway, trigger)
        await order_works(client)
    assert gateway.engine_pid() == pid


async def test_a_session_message_whose_callback_fails(gateway: FailingGateway) -> None:
    pid = gateway.engine_pid()
    async with gateway.client() as client:
        trigger = gateway.fail("fromAdmin")
        await client.ping()
        await failed(gateway, trigger)
        await order_works(client)
    assert gateway.engine_pid() == pid


async def test_a_logon_whose_callback_fails_is_refused(gateway: FailingGateway) -> None:
    trigger = gateway.fail("fromAdmin")
    client = gateway.client()
    with pytest.raises(LogonRefused, match="could not be processed"):
        await client.connect()
    await failed(gateway, trigger)
    async with client:
        await order_works(client)


async def test_an_order_whose_callback_fails_is_answered_and_its_number_consumed(gateway: FailingGateway) -> None:
    pid = gateway.engine_pid()
    async with gateway.client() as client:
        trigger = gateway.fail("fromApp")
        number = client.next_out
        order = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="GTC")
        reject = await client.expect("j", {45: str(number)})
        assert reject[372] == "D"
        await failed(gateway, trigger)
        await order_works(client)
        assert client.unconsumed("2") == []  # nothing was asked for again
        assert not [m for m in client.unconsumed("8") if m.get(11) == order]
    with gateway.sql() as sql:
        row = sql.execute(
            select(messages.c.raw).where(
                messages.c.direction == "in",
                messages.c.session.contains("DESK"),
                messages.c.msg_seq_num == number,
                messages.c.first_use,
            )
        ).scalar_one()
    assert order.encode() in row
    assert gateway.engine_pid() == pid


# --- the gateway with callbacks that fail


def _failing(name: str, callback: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(callback)
    def run(*args: Any) -> None:
        trigger = Path(f"fail-{name}")
        if trigger.exists():
            trigger.unlink()
            raise OSError("made to fail")
        callback(*args)

    return run


def _make_callbacks_fail() -> None:
    from gateway.fix import application

    for name in CALLBACKS:
        inner = getattr(application.GatewayApplication, name).__wrapped__
        setattr(application.GatewayApplication, name, application._guarded(_failing(name, inner)))


def main() -> None:
    """The command line of fixgw; children are started with this module too."""
    from gateway.cli.main import app

    if sys.argv[1] == "engine":
        _make_callbacks_fail()
    started = subprocess.Popen

    def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        return started([part if part != "gateway" else FailingGateway.module for part in command], **options)

    setattr(subprocess, "Popen", start)  # noqa: B010  # mypy has a point, but this is the seam there is
    app()


if __name__ == "__main__":
    main()
