"""What the supervisor does about processes that it did not start."""

import subprocess
import sys
from pathlib import Path

from tests.fixtures.processes import ROOT, wait_until


def test_what_a_dead_child_has_left_behind_is_buried() -> None:
    """As in a container, whose first process it is: it inherits the dead of others."""
    program = """
import os, signal
from gateway.cli.signals import Signals
from gateway.cli.supervisor import Supervisor
signals = Signals(signal.SIGTERM)
dead = os.fork()
if not dead:
    os._exit(3)
os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
print(dead, flush=True)
raise SystemExit(Supervisor([], signals, []).run())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert supervisor.stdout is not None
    try:
        dead = Path("/proc", supervisor.stdout.readline().strip())
        wait_until(lambda: not dead.exists(), "nobody is left to be collected")
    finally:
        supervisor.terminate()
        assert supervisor.wait(20) == 0
        supervisor.stdout.close()
