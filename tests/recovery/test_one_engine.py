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


async def test_a_second_engine_is_refused_and_harms_nothing(gateway: Gateway, tmp_path: Path) -> None:
    """One with the same database, directory or port; and none stays without its supervisor."""
    config = (tmp_path / "gateway.toml").read_text()
    without_port = config.replace(f"port = {gateway.port}", "port = 0")
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = f'directory = "{tmp_path / "run"}"', f'directory = "{other}"'
    same_database = start_another(gateway, tmp_path, without_port.replace(*elsewhere))
    same_directory = start_another(gateway, tmp_path, without_port.replace("gateway.db", "other.db"))
    same_port = start_another(gateway, tmp_path, config.replace("gateway.db", "other.db").replace(*elsewhere))
    for second in (same_database, same_directory, same_port):
        assert second.returncode == 2
        assert "Traceback" not in second.stderr
    engine_says = f"in use by another engine, process {gateway.engine_pid()}"
    assert engine_says in same_database.stderr
    either = (engine_says, "another front writes its wire log there")  # whichever comes first
    assert any(text in same_directory.stderr for text in either), same_directory.stderr
    assert f"cannot listen on 127.0.0.1 port {gateway.port}" in same_port.stderr
    assert "restarts in" not in same_port.stderr

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

    children = [gateway.engine_pid(), gateway.child_pid("front")]
    seen = len(gateway.log())
    gateway.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in children), "both have ended")
    assert "engine stopped clean=True" in gateway.log()[seen:]


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    first = hold(tmp_path / "a.lock", "the database a")
    told = rf"the database a is in use by another engine, process {os.getpid()} \(it holds .*\); stop that one first$"
    with pytest.raises(ConfigError, match=told):
        hold(tmp_path / "a.lock", "the database a")
    first.close()
    hold(tmp_path / "a.lock", "the database a").close()


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended may wait for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
