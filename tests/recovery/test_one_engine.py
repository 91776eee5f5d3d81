"""One engine on a database, and none without its supervisor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.engine.lock import hold
from gateway.errors import ConfigError
from tests.fixtures.processes import KEYS, ROOT, Gateway, wait_until


def start_another(gateway: Gateway, directory: Path, config: str) -> "subprocess.CompletedProcess[str]":
    path = directory / "other.toml"
    path.write_text(config)
    return subprocess.run(
        [sys.executable, "-m", "gateway", "run", "--config", str(path), "--ready-file", str(directory / "other.json")],
        cwd=directory,
        env={**os.environ, **KEYS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("shared", ["database", "directory"])
async def test_a_second_engine_is_refused_and_harms_nothing(gateway: Gateway, tmp_path: Path, shared: str) -> None:
    config = (tmp_path / "gateway.toml").read_text().replace(f"port = {gateway.port}", "port = 0")
    if shared == "database":
        config = config.replace(f'directory = "{tmp_path / "run"}"', f'directory = "{tmp_path / "other"}"')
    else:
        config = config.replace("gateway.db", "other.db")
    second = start_another(gateway, tmp_path, config)
    assert second.returncode == 2
    engine_says = f"in use by another engine, process {gateway.engine_pid()}" in second.stderr
    front_says = "another front writes its wire log there" in second.stderr
    assert engine_says or (shared == "directory" and front_says), second.stderr  # whichever comes first
    assert "Traceback" not in second.stderr

    client = gateway.client()
    await client.connect()
    cl_ord_id = client.new_order("BTCUSDT", "buy", "1", price="30000", time_in_force="gtc")
    await client.expect("8", {11: cl_ord_id, 150: "0", 39: "0"})
    await client.logout()
    assert gateway.stop() == 0
    gateway.start()  # its numbers and files are whole
    client = gateway.client()
    await client.connect()
    await client.logout()


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    first = hold(tmp_path / "a.lock", "the database a")
    with pytest.raises(ConfigError, match=rf"the database a is in use by another engine, process {os.getpid()} \("):
        hold(tmp_path / "a.lock", "the database a")
    first.close()
    hold(tmp_path / "a.lock", "the database a").close()


def test_the_engine_and_the_front_end_with_their_supervisor(gateway: Gateway) -> None:
    children = [gateway.engine_pid(), gateway.child_pid("front")]
    gateway.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in children), "both have ended")
    assert "engine stopped clean=True" in gateway.log()


def test_a_front_that_finds_its_port_taken_ends_the_start_with_a_sentence(gateway: Gateway, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    config = (tmp_path / "gateway.toml").read_text()
    config = config.replace("gateway.db", "other.db").replace(str(tmp_path / "run"), str(other))
    second = start_another(gateway, other, config)
    assert second.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {gateway.port}" in second.stderr
    assert "restarts in" not in second.stderr


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended may wait for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
