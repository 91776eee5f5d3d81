"""Venue keys: only the engine has them, and they can be exchanged while it runs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("to", ["run", "engine"])
async def test_a_key_is_exchanged_without_a_restart(gateway: Gateway, key_files: dict[str, Path], to: str) -> None:
    pid = gateway.pid if to == "run" else gateway.engine_pid()
    await place(gateway)
    key_files["API_KEY"].write_text("\n")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: "VENUE_KEY_NOT_RELOADED" in gateway.log(), "the empty key is refused")
    assert f"FIXGW_SIM_MAIN_API_KEY_FILE: {key_files['API_KEY']} holds no key" in gateway.log()
    await place(gateway)  # with the old one

    key_files["API_KEY"].write_text("a-key-nobody-knows")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: "-2015" in gateway.log() or "-2014" in gateway.log(), "the exchange sees the new key")
    key_files["API_KEY"].write_text("sim-main-key")
    os.kill(pid, signal.SIGUSR2)
    wait_until(lambda: gateway.log().count("reloading venue keys") == 3, "the right one is read again")
    assert gateway.log().count("started process=engine") == 1


def test_only_the_engine_has_the_keys(gateway: Gateway) -> None:
    def variables(pid: int) -> set[str]:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return {pair.partition(b"=")[0].decode() for pair in pairs}

    assert {"FIXGW_SIM_MAIN_API_KEY_FILE", "FIXGW_SIM_MAIN_API_SECRET_FILE"} < variables(gateway.engine_pid())
    front = variables(gateway.child_pid("front"))
    assert "PATH" in front
    assert [name for name in front if name.startswith("FIXGW_SIM_")] == []
