"""The order of steps: that in which they were decided."""

from collections.abc import Iterable, Iterator

from gateway.compliance.inject.decided import Decided, Key
from gateway.compliance.inject.steps import Connected, Restarted, Sent, Step
from gateway.compliance.inject.venue_words import Word


def first_taken(
    client_steps: list[Sent], sent_at: dict[str, int], connections: Iterable[Connected | Restarted]
) -> Iterator[tuple[int, int]]:
    """Of each restart the first order that was taken afterwards: when it came, and was sent to its venue."""
    taken = [
        (step.at, sent_at[step.order_id])
        for step in client_steps
        if step.msg_type == "D" and step.order_id is not None and step.order_id in sent_at
    ]
    for restart in connections:
        if isinstance(restart, Restarted):
            after = [times for times in taken if times[0] > restart.at]
            if after:
                yield min(after)


def in_order(
    client_steps: list[Sent],
    venue_steps: Iterable[Word | Connected | Restarted],
    others: list[tuple[Key, Step]],
    decided: Decided,
) -> list[Step]:
    """As they were decided; what came by one session, or from one venue account, stays in its order."""
    times = {step.at for step in client_steps}
    streams: dict[str, Key] = {}
    keyed: list[tuple[Key, Step]] = []
    words = sorted(venue_steps, key=lambda word: word.at)
    next_at = _times_of_the_next(words)
    for step in (*client_steps, *words):
        if isinstance(step, Sent):
            stream, key = step.session, decided.client(step.at)
        elif isinstance(step, Connected | Restarted):
            stream, key = step.venue_account, decided.behind(step.at)
        else:
            key = decided.venue(step.order_id, step.at, times, next_at.get(id(step)))
            stream = step.venue_account
        streams[stream] = key = max(key, streams.get(stream, key))
        keyed.append((key, step))
    return [step for _, step in sorted([*keyed, *others], key=lambda pair: pair[0])]


def _times_of_the_next(words: list[Word | Connected | Restarted]) -> dict[int, int]:
    """By a word's identity: when the next one about its order came."""
    found: dict[int, int] = {}
    latest: dict[str, int] = {}
    for word in reversed(words):
        if not isinstance(word, Connected | Restarted):
            if word.order_id in latest:
                found[id(word)] = latest[word.order_id]
            latest[word.order_id] = word.at
    return found
