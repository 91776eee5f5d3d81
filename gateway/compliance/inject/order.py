"""The order of steps: that in which they were decided."""

from collections.abc import Iterable, Iterator

from gateway.compliance.inject.decided import Decided, Key
from gateway.compliance.inject.steps import Connected, Restarted, Sent, Step
from gateway.compliance.inject.venue_words import Word


def first_taken(
    client_steps: list[Sent], sent_at: dict[str, int], connections: Iterable[Connected | Restarted]
) -> Iterator[tuple[int, int]]:
    """Of each restart the first order that was taken afterwards: when it came, and was sent to its venue.

    What repeats an order is answered with its OrderID(37), but was sent before it came.
    """
    taken = [
        (step.at, sent_at[step.order_id])
        for step in client_steps
        if step.msg_type == "D" and step.order_id is not None and sent_at.get(step.order_id, 0) >= step.at
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
    keys = [*(decided.client(step.at) for step in client_steps), *_venue_keys(words, decided, times)]
    for step, key in zip((*client_steps, *words), keys, strict=True):
        stream = step.session if isinstance(step, Sent) else step.venue_account
        streams[stream] = max(key, streams.get(stream, key))
        keyed.append((streams[stream], step))
    return [step for _, step in sorted([*keyed, *others], key=lambda pair: pair[0])]


def _venue_keys(words: list[Word | Connected | Restarted], decided: Decided, client_times: set[int]) -> list[Key]:
    """Where each belongs, by what it led to.

    Of several words in front of an event the last is taken for its cause, and the others come before whatever the words
    behind them have led to: the venue's words are decided in the order in which they are heard.
    """
    keys: list[Key] = []
    bound: Key | None = None
    next_at: dict[str, int] = {}  # when the next word about the order was heard
    for word in reversed(words):
        if isinstance(word, Connected | Restarted):
            keys.append(decided.behind(word.at))
            continue
        effect = decided.effect(word.order_id, word.at, client_times)
        key = decided.behind(word.at) if effect is None else (effect[0], 0, word.at)
        if effect is None:
            key = decided.before_first_taken(key, word.at)
        elif next_at.get(word.order_id, effect[1] + 1) <= effect[1]:
            key = decided.before_first_taken(min(key, bound or key), word.at)
        else:
            bound = min(key, bound or key)
        keys.append(key)
        next_at[word.order_id] = word.at
    return keys[::-1]
