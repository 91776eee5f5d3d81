"""What the configuration means to the engine."""

from collections.abc import Mapping

from gateway.config import Config, SessionConfig
from gateway.domain.balances import Tolerance
from gateway.domain.risk.parsing import rate
from gateway.domain.session_names import find_session
from gateway.domain.session_profile import Account, SessionProfile
from gateway.engine.clock import NANOSECONDS
from gateway.engine.disconnects import DISCONNECT, LOGOUT
from gateway.engine.drop_copy import DropCopies, DropCopy
from gateway.engine.recovery import Configured
from gateway.engine.throttle import Allowed

_CANCEL_WHEN_OFF = {
    "none": frozenset[str](),
    "disconnect": frozenset({DISCONNECT}),
    "logout": frozenset({LOGOUT}),
    "both": frozenset({DISCONNECT, LOGOUT}),
}


def accounts_of(config: Config) -> dict[str, Account]:
    """The client accounts by name."""
    venues = {v.name: v.venue for v in config.venue_accounts}
    return {
        a.name: Account(name=a.name, venue_account=a.venue_account, venue=venues[a.venue_account])
        for a in config.accounts
    }


def configured_of(config: Config) -> Configured:
    """What a start compares SQL with."""
    return Configured(
        sessions={s.key: s.begin_string for s in config.sessions},
        accounts={a.name for a in config.accounts},
        venue_accounts={v.name for v in config.venue_accounts},
        limits=config.all_limits(),
    )


def tolerances_of(config: Config) -> dict[str, Tolerance]:
    """How far apart balances may be, by venue account; of those that are compared."""
    return {v.name: v.balances.rule() for v in config.venue_accounts if v.balances.compare}


def throttles_of(config: Config) -> dict[str, Allowed]:
    """How much each session may send, where that is said."""
    return {
        s.key: Allowed(rate(s.throttle.messages), s.throttle.logout_after or 0)
        for s in config.sessions
        if s.throttle is not None
    }


def drop_copies_of(config: Config) -> DropCopies:
    """Which sessions are told of the orders of others."""
    trading = [s.key for s in config.sessions if not s.is_drop_copy]
    return DropCopies(
        [
            DropCopy(
                s.key,
                frozenset(find_session(name, trading) for name in s.drop_copy_of),
                frozenset(s.drop_copy_accounts),
            )
            for s in config.sessions
            if s.is_drop_copy
        ],
        {s.key: s.accounts[0] for s in config.sessions if not s.is_drop_copy},
    )


def profile_of(session: SessionConfig, accounts: Mapping[str, Account]) -> SessionProfile:
    """What the session may do. accounts: all that there are, by name."""
    return SessionProfile(
        key=session.key,
        accounts={name: accounts[name] for name in session.accounts},
        default_account=session.accounts[0],
        report_pending_new=session.report_pending_new,
        remainder_expires=session.immediate_remainder == "expired",
        max_order_age=session.max_order_age_seconds * NANOSECONDS if session.max_order_age_seconds else None,
        cancel_when_off=_CANCEL_WHEN_OFF[session.cancel_on_disconnect],
        cancel_accounts=frozenset(session.cancel_accounts),
        cancel_grace=session.cancel_on_disconnect_grace_seconds * NANOSECONDS,
    )
