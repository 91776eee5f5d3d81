"""What tests ask to happen to requests: hold, reject, delay, break. By WebSocket API method name, or "*"."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from gateway.simulator.api import Answer, refuse
from gateway.simulator.errors import ApiError
from gateway.simulator.playback import Playback

FAULTS = ("http_503_after", "http_503_before", "drop_before", "drop_after", "rubbish", "timeout")
WHEN = ("before", "after")
_OVERLOADED = ApiError(
    -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503
)
_UNKNOWN = ApiError(
    -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 503
)


class Fate(Enum):
    """How a request ends: answered, answered with garbage, the connection broken, or never answered."""

    ANSWER = auto()
    RUBBISH = auto()
    DROP = auto()
    SILENCE = auto()


@dataclass(slots=True, eq=False)
class Held:
    """A request that waits until its gate opens."""

    op: str
    when: str
    gate: asyncio.Future[None]


@dataclass(slots=True)
class _Counted:
    """Something to do to the next `count` requests."""

    op: str
    count: int
    error: ApiError | None = None
    fault: str = ""


class Scripts:
    """The scripts in force. While `active` is False requests take the short way past all of this."""

    def __init__(self) -> None:
        self.active = False
        self.maintenance = False
        self.ws_api_away = False
        self._holds: set[tuple[str, str]] = set()
        self._delays: dict[str, float] = {}
        self._counted: list[_Counted] = []
        self.held: list[Held] = []
        self.playback = Playback()

    def hold(self, op: str, when: str) -> None:
        """Let requests of this operation wait, `when`: before or after they are done."""
        self._holds.add((op, when))
        self.active = True

    def release(self, op: str | None) -> int:
        """Stop holding `op` (all when None) and let what is held go on; returns how many there were."""
        released = [one for one in self.held if op in (None, "*", one.op)]
        self.held = [one for one in self.held if one not in released]
        if op in (None, "*"):
            self._holds.clear()
        else:
            self._holds -= {(op, when) for when in WHEN}
        for one in released:
            if not one.gate.done():
                one.gate.set_result(None)
        self._settle()
        return len(released)

    def reject(self, op: str, error: ApiError, count: int) -> None:
        """Refuse the next `count` requests of this operation."""
        self._counted.append(_Counted(op, count, error=error))
        self.active = True

    def fault(self, op: str, kind: str, count: int) -> None:
        """Do one of FAULTS to the next `count` requests of this operation."""
        self._counted.append(_Counted(op, count, fault=kind))
        self.active = True

    def delay(self, op: str, seconds: float) -> None:
        """Answer requests of this operation so much later; 0 ends it."""
        self._delays[op] = seconds
        if not seconds:
            del self._delays[op]
        self.active = True
        self._settle()

    def reset(self) -> None:
        """No scripts; what is held goes on."""
        self.release(None)
        self._delays.clear()
        self._counted.clear()
        self.playback.reset()
        self.active = self.maintenance = self.ws_api_away = False

    def play(self, *, on: bool) -> None:
        """Requests about orders are answered from outside from here on, or by the exchange again."""
        self.playback.on = on
        self._settle()

    def _settle(self) -> None:
        self.active = bool(self._holds or self._delays or self._counted or self.playback.on)

    def _take(self, op: str) -> _Counted | None:
        for one in self._counted:
            if one.op in (op, "*"):
                one.count -= 1
                if one.count <= 0:
                    self._counted.remove(one)
                    self._settle()
                return one
        return None

    async def _wait(self, op: str, when: str) -> None:
        if (op, when) in self._holds or ("*", when) in self._holds:
            held = Held(op, when, asyncio.get_running_loop().create_future())
            self.held.append(held)
            await held.gate

    async def run(
        self, op: str, process: Callable[[], Answer], flush: Callable[[], Awaitable[None]]
    ) -> tuple[Fate, Answer]:
        """Process a request as scripted. `flush` sends the events it caused while its answer waits."""
        await self._wait(op, "before")
        counted = self._take(op)
        fault = counted.fault if counted else ""
        if counted is not None and counted.error is not None:
            return Fate.ANSWER, refuse(counted.error, None)
        if fault == "http_503_before":
            return Fate.ANSWER, refuse(_OVERLOADED, None)
        if fault == "drop_before":
            return Fate.DROP, refuse(_UNKNOWN, None)
        answer = process()
        await flush()
        await self._wait(op, "after")
        seconds = self._delays.get(op, self._delays.get("*", 0))
        if seconds:
            await asyncio.sleep(seconds)
        if fault == "http_503_after":
            return Fate.ANSWER, refuse(_UNKNOWN, answer.usage)
        fates = {"drop_after": Fate.DROP, "rubbish": Fate.RUBBISH, "timeout": Fate.SILENCE}
        return fates.get(fault, Fate.ANSWER), answer
