"""What the engine asks of its host."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import host
from gateway.errors import ConfigError

ROOT = Path(__file__).parents[2]
CONFIG = Path("gateway.toml")


def test_the_engine_holds_the_file_that_keeps_cpus_awake(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.touch()
    config = tmp_path / "gateway.toml"
    text = (ROOT / "config/sandbox.toml").read_text()
    config.write_text(text.replace("[engine]\n", "[engine]\ncpu_latency_us = 300\n"))
    code = (
        "import atexit, os, pathlib, sys; sys.modules['quickfix'] = None; from gateway.cli import host; "
        "host.CPU_LATENCY = pathlib.Path('device').resolve(); "
        "held = lambda: [os.readlink(fd) for fd in map('/proc/self/fd/{}'.format, range(64)) if os.path.islink(fd)]; "
        "atexit.register(lambda: print(str(host.CPU_LATENCY) in held())); "
        "from gateway.cli.main import app; app(prog_name='fixgw')"
    )
    command = [sys.executable, "-c", code, "engine", "--config", str(config)]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "pip install" in shown.stderr, "it went on"
    assert shown.stdout == "True\n"
    assert device.read_bytes() == b"\x2c\x01\0\0"


def test_what_is_not_set_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CPU_LATENCY", tmp_path / "device")
    host.keep_awake(CONFIG, None)
    assert host.bind(CONFIG, None) == set()


def test_a_host_that_does_not_let_us_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CPU_LATENCY", tmp_path / "none")
    with pytest.raises(ConfigError, match=r"^gateway.toml: engine.cpu_latency_us: 0: /.*/none: No such file or "):
        host.keep_awake(CONFIG, 0)
