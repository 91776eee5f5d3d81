"""The fixgw command as a newcomer meets it: overview, help, what is missing, what can be fixed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config import load_config

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.toml"))
NO_ENGINE = "import sys; sys.modules['quickfix'] = None; from gateway.cli.main import app; app(prog_name='fixgw')"


def fixgw(*arguments: str, cwd: Path = ROOT, code: str | None = None) -> "subprocess.CompletedProcess[str]":
    program = ["-m", "gateway"] if code is None else ["-c", code]
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def test_without_arguments_it_shows_what_there_is_and_how_to_begin() -> None:
    shown = fixgw().stdout + fixgw().stderr
    for name in ("run", "sim", "send", "orders", "order", "sessions"):
        assert f" {name} " in shown
    assert "FIXGW_SIM_MAIN_API_KEY=sim-main-key" in shown
    assert "fixgw send buy 0.1 BTCUSDT --market" in shown


@pytest.mark.parametrize("command", ["run", "sim", "orders", "order", "sessions", "send"])
def test_every_command_explains_itself_with_an_example_even_without_the_engine(command: str) -> None:
    shown = fixgw(command, "--help", code=NO_ENGINE)
    assert shown.returncode == 0, shown.stderr
    example = [line for line in shown.stdout.splitlines() if f"fixgw {command}" in line and "Usage" not in line]
    assert example, shown.stdout
    assert "\\b" not in shown.stdout


def test_run_without_the_engine_says_what_to_install(tmp_path: Path) -> None:
    shown = fixgw("run", "--config", str(ROOT / "config/sandbox.toml"), cwd=tmp_path, code=NO_ENGINE)
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1
    assert "pip install '.[binary]'" in shown.stderr
    assert ".[source]" in shown.stderr


def test_the_engine_without_quickfix_says_the_same(tmp_path: Path) -> None:
    shown = fixgw("engine", "--config", str(ROOT / "config/sandbox.toml"), cwd=tmp_path, code=NO_ENGINE)
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1
    assert "pip install '.[binary]'" in shown.stderr


SHOWN_CPUS = (
    "import atexit, os, sys; sys.modules['quickfix'] = None; print(*os.sched_getaffinity(0)); "
    "atexit.register(lambda: print(*os.sched_getaffinity(0))); "
    "from gateway.cli.main import app; app(prog_name='fixgw')"
)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no process to a CPU")
def test_the_engine_runs_on_the_cpu_that_is_named(tmp_path: Path) -> None:
    *_, last = usable = sorted(os.sched_getaffinity(0))
    text = (ROOT / "config/sandbox.toml").read_text()
    config = tmp_path / "gateway.toml"

    config.write_text(text.replace("[engine]\n", f"[engine]\ncpu = {last}\n"))
    shown = fixgw("engine", "--config", str(config), cwd=tmp_path, code=SHOWN_CPUS)
    assert "pip install" in shown.stderr, "it went on"
    assert shown.stdout.splitlines() == [" ".join(map(str, usable)), str(last)]

    config.write_text(text.replace("[engine]\n", "[engine]\ncpu = 100000\n"))
    shown = fixgw("engine", "--config", str(config), cwd=tmp_path)
    assert shown.returncode == 2
    there = ", ".join(map(str, usable))
    assert shown.stderr == f"{config}: engine.cpu: 100000: the host has no such CPU for us; there are {there}\n"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.name))
def test_example_configurations_load(path: Path) -> None:
    assert load_config(path).sessions


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.name))
def test_an_example_configuration_lacks_nothing_but_its_keys(path: Path, tmp_path: Path) -> None:
    shown = fixgw("engine", "--config", str(path), cwd=tmp_path)
    assert shown.returncode == 2
    variable = f"FIXGW_{load_config(path).environment.upper()}_MAIN_API_KEY"
    assert f"environment variable {variable} is not set" in shown.stderr


@pytest.mark.parametrize("arguments", [("orders",), ("order", "O1"), ("sessions",)])
def test_reading_what_is_not_there_yet_is_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    shown = fixgw(*arguments, "--config", str(ROOT / "config/sandbox.toml"), cwd=tmp_path)
    assert shown.returncode == 2
    assert shown.stderr == "database sqlite:///var/gateway.db: nothing there yet; fixgw run creates it\n"
    assert not list(tmp_path.iterdir())


def test_a_configuration_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    shown = fixgw("run", "--config", "none.toml", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (2, "none.toml: cannot be read: No such file or directory\n")
    for command in ("run", "orders"):  # both look at the same gateway
        result = CliRunner().invoke(app, [command], env={"FIXGW_CONFIG": "other.toml"})
        assert "other.toml: cannot be read" in result.output
