"""What a FIX session is called: its key, the SessionID as QuickFIX writes it, and the client's CompID in that."""

from collections.abc import Iterable

OWN_SESSION = "gateway:flatten"
"""The session of orders that the gateway places itself, to close positions. It can be no client's: a key has
an arrow, and a CompID no colon. Drop copies of the account tell of them, and nobody else is told."""

OWN_PREFIX = "FLATTEN-"
"""What the ClOrdIDs of these orders begin with; then come the operator's action and a number."""


def session_key(begin_string: str, gateway_comp_id: str, client_comp_id: str) -> str:
    """FIX.4.4:FIXGW->DESK."""
    return f"{begin_string}:{gateway_comp_id}->{client_comp_id}"


def session_name(key: str) -> str:
    """The client's CompID in a session's key, as people, limits and denials name the session: DESK."""
    return key.rpartition("->")[2]


def find_session(name: str, keys: Iterable[str]) -> str:
    """The key of the session that a person means by a CompID or by the whole key.

    Raises ValueError, saying what there is, where none or several are called so.
    """
    keys = list(keys)
    found = [key for key in keys if name in (key, session_name(key))]
    if len(found) == 1:
        return found[0]
    problem = f"several sessions are called {name!r}; give one of" if found else f"no session {name!r}; there are"
    raise ValueError(f"{problem}: {', '.join(found or keys) or 'none'}")
