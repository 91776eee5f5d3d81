"""What the engine asks of its host: a CPU of its own, and CPUs that wake up at once."""

import os
from pathlib import Path

from gateway.errors import ConfigError

CPU_LATENCY = Path("/dev/cpu_dma_latency")
"""Linux's file for it: https://docs.kernel.org/power/pm_qos_interface.html."""


def bind(config: Path, cpu: int | None) -> set[int]:
    """Have all threads run on this CPU. They hold the interpreter's lock in turns, so that others would add nothing but
    the time it takes to hand it from one CPU to another. Returns where they could run before; empty where nothing was
    done. Raises ConfigError.
    """
    if cpu is None:
        return set()
    where = f"{config}: engine.cpu: {cpu}"
    if not hasattr(os, "sched_setaffinity"):
        raise ConfigError(f"{where}: this system cannot bind a process to a CPU; leave it out")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError:
        usable = ", ".join(map(str, sorted(before)))
        raise ConfigError(f"{where}: the host has no such CPU for us; there are {usable}") from None
    return before


def keep_awake(config: Path, latency_us: int | None) -> None:
    """Have no CPU of the host sleep so deeply that waking up takes longer, while this process lives. Raises
    ConfigError.
    """
    if latency_us is None:
        return
    try:
        device = os.open(CPU_LATENCY, os.O_WRONLY)  # never closed: it holds for as long as the file is open
        os.write(device, latency_us.to_bytes(4, "little", signed=True))
    except OSError as error:
        raise ConfigError(
            f"{config}: engine.cpu_latency_us: {latency_us}: {CPU_LATENCY}: {error.strerror}; it is for Linux, and for "
            "whom the host lets write there (docs/OPERATING.md, CPUs that wake up at once); or leave it out"
        ) from None
