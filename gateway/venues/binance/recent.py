"""A bounded memory of keys."""

_GENERATION = 10_000


class Recent:
    """Remembers at least the last 10,000 keys and at most twice as many."""

    def __init__(self) -> None:
        self._new: set[object] = set()
        self._old: set[object] = set()

    def add(self, key: object) -> bool:
        """Remember a key; returns whether it is new."""
        if key in self._new or key in self._old:
            return False
        self._new.add(key)
        if len(self._new) >= _GENERATION:
            # Whole generations go at once: taking the oldest of a dict one by one gets slower and slower.
            self._old, self._new = self._new, set()
        return True

    def __contains__(self, key: object) -> bool:
        return key in self._new or key in self._old
