"""The engine of a scratch gateway: `python -m gateway.cli.scratch_engine CONFIG CLOCK CALLER`.

It is the engine that `fixgw run` starts, but for two things: it lives in the record's time, and operators are who they
were then. It takes nothing but an exchange on this host, whatever its configuration says.
"""

import json
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

from gateway.cli.scratch_clock import ScratchClock


def main(config: Path, clock: Path, caller: Path) -> None:
    """Run it, until SIGTERM. caller: a file with uid, pid and who of the operator that asks next."""
    # All that an engine consists of reads the time of day by this one function, and some of it keeps the function:
    # so it is put in its place before any of that is imported.
    time.time_ns = ScratchClock(clock).now
    from gateway.cli.engine import engine  # noqa: PLC0415 - see above
    from gateway.control import server  # noqa: PLC0415
    from gateway.engine.operations import Caller  # noqa: PLC0415

    only_simulated(config)

    def caller_of(_connection: socket, _owner: int) -> Caller:
        return Caller(**json.loads(caller.read_text()))

    vars(server)["caller_of"] = caller_of
    engine(config, allow_live=False)


def only_simulated(config: Path) -> None:
    """Ends the program where the configuration names anything but an exchange on this host."""
    from gateway.config import load_config  # noqa: PLC0415 - see main

    loaded = load_config(config)
    hosts = [urlsplit(str(account.settings.get("base_url", ""))).hostname or "" for account in loaded.venue_accounts]
    if loaded.environment != "sim" or not all(_is_this_host(host) for host in hosts):
        sys.exit(f"{config}: a scratch gateway trades with a simulated exchange on this host, and nowhere else")


def _is_this_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
