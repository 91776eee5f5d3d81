"""What those who had keys read again are told of each venue account."""

from gateway.engine.inbox import KeysReloaded
from gateway.engine.key_reloads import KeyReloads
from gateway.engine.operations import Outcome


def test_each_account_says_whether_it_has_another_key() -> None:
    asked: list[tuple[str, int]] = []
    outcomes: list[Outcome] = []
    reloads = KeyReloads(["a", "b", "c"], lambda account, number: asked.append((account, number)))
    reloads.ask(None, outcomes.append)
    reloads.release()
    assert asked == [("a", 1), ("b", 1), ("c", 1)]
    reloads.answered(KeysReloaded(1, "b", "", unchanged=True))
    reloads.answered(KeysReloaded(1, "a", ""))
    assert not outcomes
    reloads.answered(KeysReloaded(1, "c", "no such file"))
    results = {
        "a": "moved to its new key",
        "b": "has the same API key as before",
        "c": "kept its old key: no such file",
    }
    text = "; ".join(f"{account} {result}" for account, result in results.items())
    assert outcomes == [Outcome(done=False, text=text, result=results)]


def test_keys_that_are_as_before_are_no_failure() -> None:
    outcomes: list[Outcome] = []
    reloads = KeyReloads(["a"], lambda *_: None)
    reloads.ask("a", outcomes.append)
    reloads.answered(KeysReloaded(1, "a", "", unchanged=True))
    assert [(outcome.done, outcome.text) for outcome in outcomes] == [(True, "a has the same API key as before")]
