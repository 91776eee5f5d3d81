"""The venue's part of a record: what it said then is said to the scratch gateway, when it asks and where it listens."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from gateway.cli.inject_watch import Watch, until, until_async
from gateway.client import ClientError
from gateway.compliance.inject.compare import ReportDifference
from gateway.compliance.inject.record import Record
from gateway.compliance.inject.steps import LOST, Answered, Connected, Happened, Reply, Restarted, Settled

_NOT_TERMS = frozenset(
    {"newClientOrderId", "orderId", "origClientOrderId", "timestamp", "recvWindow", "apiKey", "signature"}
)
_NO_ANSWER = '{"code":-1007,"msg":"the answer was lost"}'
_UNKNOWN_STATUS = 503
_NOT_TAKEN = "the scratch gateway did not take what the venue said"
_MARK = '{"e":"outboundAccountPosition","E":0,"u":0,"B":[]}'  # which changes nothing
_BACK_WITHIN_S = 60.0

Request = dict[str, Any]


class PlayedVenue:
    """order_ids: the new OrderID(37) by the recorded one, of orders that the scratch gateway has by now."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        watch: Watch,
        record: Record,
        order_ids: Mapping[str, str],
        found: Callable[[ReportDifference], None],
    ) -> None:
        self._http = http
        self._watch = watch
        self._record = record
        self._order_ids = order_ids
        self._found = found
        self._asked: dict[int, Request] = {}  # requests that wait, by number
        self._forgotten: Counter[tuple[str, str]] = Counter()  # method and client id of requests lost unanswered
        self._is_away = False
        self._lost: set[str] = set()  # recorded orders that went another way: the venue's words fit no more
        stem = next((name.rpartition("-")[0].rpartition("-")[0] for name in record.first_ids.values()), "")
        self._client_id = re.compile(rf"{re.escape(stem)}-(O\d+)-") if stem else None

    async def begin(self) -> None:
        """From now on nothing is answered but by steps."""
        await self.control("playback", on=True)

    # --- requests

    async def answer(self, step: Answered) -> None:
        """A request is answered, or goes without."""
        name = step.method, self._mapped(step.client_id)
        if step.status == LOST and self._forgotten[name]:  # it was lost with its connection
            self._forgotten[name] -= 1
            return
        request = await self._waiting(step)
        if request is None:
            return
        terms = _terms(request)
        if terms != step.terms:
            differ = "; ".join(
                f"{name}: recorded {step.terms.get(name, 'absent')}, now {terms.get(name, 'absent')}"
                for name in sorted(terms.keys() | step.terms.keys())
                if terms.get(name) != step.terms.get(name)
            )
            self._found(ReportDifference(f"order {step.order_id} request {step.method}", differ))
        if step.status == LOST:
            await self._reply(request, _UNKNOWN_STATUS, _NO_ANSWER)
        else:
            await self._reply(request, step.status, self._mapped(step.body))
        await self._until_decided(step.venue_account)

    async def _waiting(self, step: Answered) -> Request | None:
        """The request that the answer is for: of several under one client id that with these terms, else the first."""

        async def look() -> Request | None:
            return self._that_waits(step, await self._look())

        found: Request | None = None if step.order_id in self._lost else await until_async(look)
        if found is None:
            self._lose(step.order_id, f"{step.method} was asked of the venue, and is not now")
        return found

    def _that_waits(self, step: Answered, asked: list[Request]) -> Request | None:
        name = (step.method, self._mapped(step.client_id))
        found = [one for one in asked if (one["op"], _client_id(one)) == name]
        return next((one for one in found if _terms(one) == step.terms), found[0] if found else None)

    async def settle(self, step: Settled) -> None:
        """It asks until it knows, as often as it likes: what told it then tells it now."""
        if step.order_id in self._lost:
            return
        pages: dict[str, int] = {}
        reply = None
        while reply is not step.replies[-1]:
            request = await until_async(lambda: self._question(step))
            if request is None:
                self._lose(step.order_id, f"{step.replies[-1].method} was asked of the venue, and is not now")
                return
            reply = _reply_to(request, step.replies, pages)
            if reply is None:
                self._lose(step.order_id, f"now {request['op']} is asked of the venue, and was not")
                return
            await self._reply(request, reply.status, self._mapped(reply.body))
        await self._until_decided(step.venue_account)

    async def _question(self, step: Settled) -> Request | None:
        client_id = self._mapped(step.client_id)
        ids = {str(order_id) for reply in step.replies for order_id in _order_ids_in(reply.body)}
        symbol = next((symbol for reply in step.replies if (symbol := _symbol_in(reply.body))), "")
        for request in reversed(await self._look()):  # the last: one before it may have been given up
            params = request["params"]
            if request["op"] in ("order.status", "myTrades", "allOrders"):
                if params.get("origClientOrderId") == client_id or str(params.get("orderId", "")) in ids:
                    return request
                if request["op"] == "allOrders" and symbol in ("", params.get("symbol")):
                    return request
                if not ids and "orderId" in params and request["op"] == "order.status":
                    return request
        return None

    async def _reply(self, request: Request, status: int, body: str) -> None:
        """Answer, and wait until the gateway has recorded it."""
        before = self._watch.heard()
        await self.control("answer", number=request["number"], status=status, body=body)
        self._asked.pop(request["number"])
        await self._until_heard(before)

    # --- events

    async def happen(self, step: Happened) -> None:
        """An event of an order that was asked for."""
        text = self._mapped(step.text)
        event = json.loads(text)
        names = [str(event.get(tag, "")) for tag in ("c", "C")]
        if step.order_id in self._lost or await until(lambda: self._watch.is_submitted(names) or None) is None:
            self._lose(step.order_id, "an event of the venue, for which it was not asked")
            return
        await self.control("say", account=step.venue_account, event=text)
        await self._until_decided(step.venue_account)

    async def _until_heard(self, before: int) -> None:
        if await until(lambda: self._watch.heard() > before or None) is None:
            self._found(ReportDifference("venue", _NOT_TAKEN))

    async def _until_decided(self, venue_account: str) -> None:
        """That it is recorded does not mean yet that it was acted on: but what is said afterwards comes afterwards."""
        if self._is_away:
            return
        before = self._watch.marks()
        await self.control("say", account=venue_account, event=_MARK)
        if await until(lambda: self._watch.marks() > before or None) is None:
            self._found(ReportDifference("venue", _NOT_TAKEN))

    # --- the connection

    async def connect(self, step: Connected) -> None:
        """It comes or goes, and is looked at when it is back."""
        if not step.up:  # what is under way is to be lost on its way back, as it was, not before it is sent
            await self._until_decided(step.venue_account)
            self._forgotten.update((one["op"], _client_id(one)) for one in await self._look() if _client_id(one))
        state = "available" if step.up else "unavailable"
        before, compared = self._watch.changes("venue", step.venue_account, state), self._watch.compared()
        looks = [[reply.method, reply.status, self._shown(reply)] for reply in step.replies]
        self._is_away = not step.up
        await self.control("playback", on=True, away=self._is_away, looks=looks)

        def changed() -> bool | None:
            is_compared = not step.replies or self._watch.compared() > compared
            return (self._watch.changes("venue", step.venue_account, state) > before and is_compared) or None

        if not step.up:
            self._asked.clear()
        if await until(changed, _BACK_WITHIN_S) is None:
            self._found(ReportDifference(f"venue account {step.venue_account}", f"is not {state} now"))

    async def left(self, step: Restarted) -> None:
        """The engine has ended, and whatever was under way is nobody's; the next one looks at the account."""
        await self.control("playback", on=True, away=True)
        self._asked.clear()
        self._forgotten.clear()
        self._is_away = False  # from the next start on
        looks = [[reply.method, reply.status, self._shown(reply)] for reply in step.replies]
        await self.control("playback", on=True, looks=looks)

    def _shown(self, reply: Reply) -> str:
        """Without orders that are not gone through: they are none of the scratch gateway's."""
        if reply.method != "openOrders.status" or reply.status != 200 or self._client_id is None:
            return self._mapped(reply.body)
        kept = []
        for order in json.loads(reply.body):
            named = self._client_id.match(str(order.get("clientOrderId", "")))
            if named is None or named[1] in self._order_ids:
                kept.append(order)
        return self._mapped(json.dumps(kept))

    # --- the end

    async def left_over(self) -> None:
        """What waits for the venue is what waited then."""
        await self._look()
        recorded = {(method, self._mapped(client_id)) for method, client_id in self._record.unanswered}
        for request in self._asked.values():
            name = (request["op"], _client_id(request))
            if name[1] and name not in recorded:
                self._found(ReportDifference(f"venue order {name[1]}", f"{name[0]} is asked now, and is not recorded"))

    def _lose(self, order_id: str, text: str) -> None:
        """Its recorded story does not go on here: named once, and not waited for again."""
        if order_id not in self._lost:
            self._lost.add(order_id)
            self._found(ReportDifference(f"order {order_id}", f"recorded: {text}"))

    async def _look(self) -> list[Request]:
        async with self._http.get("/sim/asked") as answer:
            asked = await answer.json()
        self._asked = {request["number"]: request for request in asked}
        return list(asked)

    def _mapped(self, text: str) -> str:
        """The venue's client ids, as they are now."""
        if self._client_id is None:
            return text
        return self._client_id.sub(lambda m: m[0].replace(m[1], self._order_ids.get(m[1], m[1])), text)

    async def control(self, command: str, **body: object) -> None:
        """Have the exchange do something. Raises ClientError."""
        async with self._http.post(f"/sim/{command}", json=body) as answer:
            if answer.status != 200:
                raise ClientError(f"the scratch exchange refused {command}: {await answer.text()}")


def _reply_to(request: Request, replies: tuple[Reply, ...], pages: dict[str, int]) -> Reply | None:
    """pages: how many of a list that is told page by page were told since its order was looked at."""
    method = request["op"]
    same = [reply for reply in replies if reply.method == method]
    if method == "order.status":
        pages.clear()
        by = "orderId" if "orderId" in request["params"] else "client id"
        return next((reply for reply in same if reply.by == by), same[-1] if same else None)
    page = pages.get(method, 0)
    pages[method] = page + 1
    return same[min(page, len(same) - 1)] if same else None


def _order_ids_in(body: str) -> list[Any]:
    found = json.loads(body)
    return [one["orderId"] for one in (found if isinstance(found, list) else [found]) if "orderId" in one]


def _symbol_in(body: str) -> str:
    found = json.loads(body)
    return str(next((one["symbol"] for one in (found if isinstance(found, list) else [found]) if "symbol" in one), ""))


def _client_id(request: Request) -> str:
    return str(request["params"].get("newClientOrderId", ""))


def _terms(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request["params"].items() if name not in _NOT_TERMS}
