"""Whose each venue account is, at its exchange: what SQL was told by the first start, and each later one is held to.

A key of another account of the exchange would be told of every order of ours that it does not exist.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.domain.book import Book
from gateway.domain.wording import counted
from gateway.engine.inbox import OwnerLearned
from gateway.engine.operations import OperationRefused
from gateway.store.batch import Batch
from gateway.store.owners import owner_row


class Owners:
    """Asked by what hears the venues, and by the engine's thread. An owner is the exchange's own id of the account."""

    def __init__(self, put: Callable[[Any], None]) -> None:
        """put: into the engine's inbox."""
        self._put = put
        self._known: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    def load(self, known: Mapping[str, str]) -> None:
        """What SQL has, by venue account."""
        self._known = dict(known)

    def known(self) -> dict[str, str]:
        """By venue account."""
        return dict(self._known)

    def problem(self, venue_account: str, owner: str) -> str:
        """Why the account may not be used with a key of this owner; "" when it may. The first is taken and recorded."""
        known = self._known.get(venue_account)
        if known is None:
            self._known[venue_account] = known = owner
            self._put(OwnerLearned(venue_account, owner))
        if known == owner:
            self._refused.pop(venue_account, None)
            return ""
        self._refused[venue_account] = owner
        return (
            f"the key is of the exchange's account {owner}, and what is recorded here is of account {known}, whose "
            "orders it would not see. Give it a key of that one and have it read by fixgw keys reload, or go on with "
            f"the other account for good by fixgw keys accept {venue_account}"
        )

    def accept(self, venue_account: str, book: Book, batch: Batch) -> None:
        """Go on with the account that was refused at the start. Raises OperationRefused."""
        owner = self._refused.get(venue_account)
        if owner is None:
            raise OperationRefused(f"venue account {venue_account} was not refused for its key's account")
        working = [book.orders[order_id] for order_id in book.working]
        left = sorted(order.order_id for order in working if order.venue_account == venue_account)
        if left:
            raise OperationRefused(
                f"{counted(len(left), 'order')} still open at account {self._known[venue_account]}, such as {left[0]}: "
                "start with its key until none is"
            )
        self._known[venue_account] = owner
        self.learned(OwnerLearned(venue_account, owner), batch)

    @staticmethod
    def learned(item: OwnerLearned, batch: Batch) -> None:
        """Have it in SQL."""
        row = owner_row(item.venue_account, item.owner)
        batch.meta[row.key] = row
