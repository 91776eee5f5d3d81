"""Requests to read venue keys again: each account answers for itself, and one that keeps its old key says why."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from gateway.engine.inbox import KeysReloaded
from gateway.engine.operations import OperationRefused, Outcome

Finish = Callable[[Outcome], None]


@dataclass(slots=True)
class _Request:
    finish: Finish
    left: set[str]
    answers: dict[str, KeysReloaded] = field(default_factory=dict)


class KeyReloads:
    """Only the engine's thread uses it."""

    def __init__(self, accounts: Collection[str], reload: Callable[[str, int], None]) -> None:
        """accounts: the venue accounts. reload: have one do it; KeysReloaded with this number comes to the inbox."""
        self._accounts = accounts
        self._reload = reload
        self._requests: dict[int, _Request] = {}
        self._due: list[tuple[str, int]] = []
        self._last = 0

    def ask(self, venue_account: str | None, finish: Finish) -> None:
        """Of one account, or of all. Raises OperationRefused when there is none of the name."""
        if venue_account is not None and venue_account not in self._accounts:
            there = ", ".join(sorted(self._accounts))
            raise OperationRefused(f"no venue account {venue_account!r}; there are: {there}")
        accounts = self._accounts if venue_account is None else [venue_account]
        self._last += 1
        self._requests[self._last] = _Request(finish, set(accounts))
        self._due += [(account, self._last) for account in sorted(accounts)]

    def release(self) -> None:
        """The request is in SQL: do it."""
        due, self._due = self._due, []
        for account, number in due:
            self._reload(account, number)

    def answered(self, item: KeysReloaded) -> None:
        """One account has moved, or not."""
        request = self._requests.get(item.request)
        if request is None:
            return
        request.left.discard(item.venue_account)
        request.answers[item.venue_account] = item
        if request.left:
            return
        del self._requests[item.request]
        results = {account: _result(answer) for account, answer in sorted(request.answers.items())}
        text = "; ".join(f"{account} {result}" for account, result in results.items())
        is_done = not any(answer.problem for answer in request.answers.values())
        request.finish(Outcome(done=is_done, text=text, result=results))


def _result(answer: KeysReloaded) -> str:
    if answer.problem:
        return f"kept its old key: {answer.problem}"
    return "has the same API key as before" if answer.unchanged else "moved to its new key"
