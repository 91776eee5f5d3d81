"""CPU time of processes, and of one process's threads, from /proc."""

import os
from pathlib import Path

_TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


class CpuMeter:
    """Reads the counters when made; per_order() tells what was used since."""

    def __init__(self, processes: dict[str, int], engine: int, threads: dict[int, str]) -> None:
        """threads: names of the engine process's threads by their ids; what has none is QuickFIX's, or the main one."""
        self._processes = processes
        self._engine = engine
        self._threads = threads
        self._before = self._read()

    def per_order(self, orders: int) -> list[tuple[str, float]]:
        """(name, CPU microseconds an order), engine threads by their names."""
        after = self._read()
        return [(name, (used - self._before.get(name, 0.0)) / orders) for name, used in after.items()]

    def _read(self) -> dict[str, float]:
        used = {name: _cpu_us(Path(f"/proc/{pid}/stat")) for name, pid in self._processes.items()}
        used["engine process"] = _cpu_us(Path(f"/proc/{self._engine}/stat"))
        for task in sorted(Path(f"/proc/{self._engine}/task").iterdir(), key=lambda t: int(t.name)):
            cpu = _cpu_us(task / "stat")
            name = f"  {self._threads.get(int(task.name), 'QuickFIX and main')}"
            used[name] = used.get(name, 0.0) + cpu
        return used


def _cpu_us(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_US
