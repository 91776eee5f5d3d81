"""Venue keys: only the engine has them, and they can be exchanged while it runs."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store.balances import ANEW
from gateway.store.tables import admin_actions, balances, meta
from tests.fixtures.processes import Exchange, Gateway, wait_until


@pytest.fixture
def key_files(tmp_path: Path) -> dict[str, Path]:
    files = {name: tmp_path / name.lower() for name in ("API_KEY", "API_SECRET")}
    files["API_KEY"].write_text("sim-main-key\n")
    files["API_SECRET"].write_text("sim-main-secret\n")
    return files


@pytest.fixture
def gateway(tmp_path: Path, exchange: Exchange, key_files: dict[str, Path]) -> Iterator[Gateway]:
    keys = {f"FIXGW_SIM_MAIN_{name}_FILE": str(file) for name, file in key_files.items()}
    process = Gateway(tmp_path, exchange.url, keys=keys)
    yield process.start()
    process.stop()


async def place(gateway: Gateway) -> None:
    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    await client.logout()


async def test_only_the_engine_has_keys_and_they_are_exchanged_without_a_restart(
    gateway: Gateway, key_files: dict[str, Path]
) -> None:
    only_the_engine_has_the_keys(gateway)
    for pid in (gateway.pid, gateway.engine_pid()):  # told by way of the supervisor, or itself
        await is_exchanged(gateway, pid, key_files)
    assert gateway.log().count("started process=engine") == 1


async def is_exchanged(gateway: Gateway, pid: int, key_files: dict[str, Path]) -> None:
    seen = len(gateway.log())

    def said() -> str:
        return gateway.log()[seen:]

    await place(gateway)
    key_files["API_KEY"].write_text("\n")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: "VENUE_KEY_NOT_RELOADED" in said(), "the empty key is refused")
    assert f"FIXGW_SIM_MAIN_API_KEY_FILE: {key_files['API_KEY']} holds no key" in said()
    await place(gateway)  # with the old one

    key_files["API_KEY"].write_text("a-key-nobody-knows")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: "-2015" in said() or "-2014" in said(), "the exchange sees the new key")
    await place(gateway)  # with the old one
    key_files["API_KEY"].write_text("sim-main-key")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: said().count("reloading venue keys") == 3, "the right one is read again")


async def test_a_command_says_what_became_of_it(tmp_path: Path, exchange: Exchange) -> None:
    """Keys of commands, told from each other by what the commands print now; the second account is left alone."""
    key = tmp_path / "key"
    key.write_text("sim-main-key")
    keys = {
        "FIXGW_SIM_MAIN_API_KEY_COMMAND": f"cat {key}",
        "FIXGW_SIM_MAIN_API_SECRET_COMMAND": "printf sim-main-secret",
        "FIXGW_SIM_SECOND_API_KEY": "sim-second-key",
        "FIXGW_SIM_SECOND_API_SECRET": "sim-second-secret",
    }
    more = f'[[venue_accounts]]\nname = "second"\n[venue_accounts.settings]\nbase_url = "{exchange.url}"\n'
    gateway = Gateway(tmp_path, exchange.url, keys=keys, more=more).start()
    try:
        await place(gateway)
        code, out, _ = await gateway.fixgw("keys", "reload")
        same = "has the same API key as before"
        assert (code, out) == (0, f"main {same}; second {same}\n")
        await place(gateway)
        key.write_text("sim-second-key")
        code, _, err = await gateway.fixgw("keys", "reload", "--venue-account", "main")
        assert (code, err.startswith("refused: main kept its old key: ")) == (1, True)
        assert "another one has this API key already" in err
        key.write_text("")
        code, out, err = await gateway.fixgw("keys", "reload", "--json")
        answer = json.loads(out)
        assert (code, answer["result"]["second"]) == (1, same)
        assert "FIXGW_SIM_MAIN_API_KEY_COMMAND printed no key" in answer["result"]["main"]
        code, _, err = await gateway.fixgw("keys", "reload", "--venue-account", "none")
        assert (code, "no venue account 'none'; there are: main, second" in err) == (1, True)
        await place(gateway)
        with gateway.sql() as sql:
            outcomes = sql.execute(select(admin_actions.c.outcome).where(admin_actions.c.action == "keys.reload"))
            assert [text.split(" ")[0] for text in outcomes.scalars()] == ["main", "refused:", "refused:", "refused:"]
        for secret in ("sim-main-key", "sim-main-secret", "sim-second-secret"):
            assert secret not in gateway.log()
    finally:
        gateway.stop()


def only_the_engine_has_the_keys(gateway: Gateway) -> None:
    def variables(pid: int) -> set[str]:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return {pair.partition(b"=")[0].decode() for pair in pairs}

    assert {"FIXGW_SIM_MAIN_API_KEY_FILE", "FIXGW_SIM_MAIN_API_SECRET_FILE"} < variables(gateway.engine_pid())
    front = variables(gateway.child_pid("front"))
    assert "PATH" in front
    assert [name for name in front if name.startswith("FIXGW_SIM_")] == []


async def test_a_key_of_another_account_of_the_exchange_is_refused_over_a_restart(
    gateway: Gateway, key_files: dict[str, Path]
) -> None:
    """Until a person accepts it; with the right key the account starts without a restart."""

    def have(name: str) -> None:
        key_files["API_KEY"].write_text(f"sim-{name}-key")
        key_files["API_SECRET"].write_text(f"sim-{name}-secret")

    def started_with_another() -> None:
        gateway.stop()
        have("second")
        seen = len(gateway.log())
        gateway.start(wait_for_venue=False)
        wait_until(lambda: "ALERT VENUE_NOT_STARTED" in gateway.log()[seen:], "the key is refused")

    code, _, err = await gateway.fixgw("keys", "accept", "main", "--reason", "why not")
    assert (code, "main was not refused for its key's account" in err) == (1, True)
    client = await gateway.client().connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    await client.logout()
    started_with_another()
    assert "account 2, and what is recorded here is of account 1" in gateway.log()
    client = await gateway.client().connect()
    refused = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="gtc")
    assert "VENUE_UNAVAILABLE" in (await client.expect("8", {11: refused, 39: "8"}))[58]
    code, _, err = await gateway.fixgw("keys", "reload")
    assert (code, "refused: main kept its old key: the key is of the exchange's account 2" in err) == (1, True)
    code, _, err = await gateway.fixgw("keys", "accept", "main", "--reason", "moved")
    assert (code, "1 order still open at account 1, such as O1" in err) == (1, True)

    have("main")
    seen = len(gateway.log())
    code, out, _ = await gateway.fixgw("keys", "reload")
    assert (code, out) == (0, "main moved to its new key\n")
    wait_until(lambda: "reconciled account=main" in gateway.log()[seen:], "it has started")
    client.cancel(cl_ord_id)
    await client.expect("8", {41: cl_ord_id, 150: "4"})
    await client.logout()

    started_with_another()
    seen = len(gateway.log())
    code, out, _ = await gateway.fixgw("keys", "accept", "main", "--reason", "moved")
    assert (code, out) == (0, "main moved to its new key\n")
    wait_until(lambda: "reconciled account=main" in gateway.log()[seen:], "it has started")
    await place(gateway)
    with gateway.sql() as sql:
        assert sql.execute(select(meta.c.value).where(meta.c.key == "owner:main")).scalar_one() == "2"
        asked = select(admin_actions.c.reason, admin_actions.c.outcome).where(admin_actions.c.action == "keys.accept")
        assert [tuple(row) for row in sql.execute(asked)][-1] == ("moved", "main moved to its new key")
        anew = select(balances.c.venue_account, balances.c.action_id).where(balances.c.kind == ANEW)
        assert [tuple(row) for row in sql.execute(anew)] == [("main", 5)], "what the other account had is not missed"
