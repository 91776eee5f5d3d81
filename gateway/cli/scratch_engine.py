"""The engine of a scratch gateway: `python -m gateway.cli.scratch_engine CONFIG CLOCK CALLER INSTRUMENTS GIVEN`.

It is the engine that `fixgw run` starts, but for this: it lives in the record's time, in which the venue answers a
question when it did and its "no" is certain at once; operators are who they were then; and what it cannot know, it is
given: the venue's instruments, and figures of the decisions. It takes nothing but an
exchange on this host, whatever its configuration says.
"""

import json
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from socket import socket
from types import ModuleType
from urllib.parse import urlsplit

from gateway.cli.scratch_clock import ScratchClock

_PATIENCE_S = 3_600.0


def main(config: Path, clock: Path, caller: Path, instruments: Path, given: Path) -> None:
    """Run it, until SIGTERM. caller: a file with uid, pid and who of the operator that asks next. The others: see
    scratch_given.py.
    """
    # All that an engine consists of reads the time of day by this one function, and some of it keeps the function:
    # so it is put in its place before any of that is imported.
    time.time_ns = ScratchClock(clock).now
    from gateway.cli.engine import engine  # noqa: PLC0415 - see above
    from gateway.cli.scratch_given import GivenToEngine  # noqa: PLC0415
    from gateway.control import server  # noqa: PLC0415
    from gateway.domain.risk import check  # noqa: PLC0415
    from gateway.engine import loop, trusted_time  # noqa: PLC0415
    from gateway.engine.operations import Caller  # noqa: PLC0415
    from gateway.venues.binance import queries, settlement, ws_api  # noqa: PLC0415
    from gateway.venues.link import VenueLink  # noqa: PLC0415

    only_simulated(config)

    def caller_of(_connection: socket, _owner: int) -> Caller:
        return Caller(**json.loads(caller.read_text()))

    _replace(server, "caller_of", caller_of)
    _replace(loop, "LINGER", 0)  # one thing at a time comes here, and somebody waits for each record
    _replace(trusted_time, "JUMP", 1 << 62)  # the record's time goes in leaps
    _replace(queries, "TIMEOUT_S", _PATIENCE_S)
    _replace(ws_api, "HEARTBEAT_S", _PATIENCE_S)  # the connection is lost when it was, however busy the host is
    _replace(settlement, "is_over", lambda _intent, _waited_s: True)
    to_engine = GivenToEngine(instruments, given)
    to_engine.measure_with_it()
    _replace(check, "market_px", to_engine.market_px)
    _replace(VenueLink, "instrument", lambda _link, *names: to_engine.instrument(*names))
    _replace(VenueLink, "symbols", lambda _link: frozenset())  # so that limits may name any
    engine(config, allow_live=False)


def _replace(of: ModuleType | type, name: str, by: object) -> None:
    """Raises KeyError where there is no such name any more."""
    vars(of)[name]
    setattr(of, name, by)


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
    main(*(Path(argument) for argument in sys.argv[1:6]))
