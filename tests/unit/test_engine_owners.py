"""Whose account a venue account is: told to SQL once, and held to."""

from typing import Any

from gateway.engine.inbox import OwnerLearned
from gateway.engine.owners import Owners


def test_the_first_owner_is_recorded_once_and_anothers_key_is_refused() -> None:
    put: list[Any] = []
    owners = Owners(put.append)
    assert [owners.problem("main", "7") for _ in range(3)] == [""] * 3
    assert put == [OwnerLearned("main", "7")]
    assert "of the exchange's account 8, and what is recorded here is of account 7" in owners.problem("main", "8")
    owners.load({"main": "8"})
    assert owners.problem("main", "8") == ""
    assert len(put) == 1, "SQL has it"
