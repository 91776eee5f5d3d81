"""How the comparison with venues is put together."""

from collections.abc import Mapping

from gateway.config import Config
from gateway.configured import tolerances_of
from gateway.domain.session_profile import Account
from gateway.engine.balances import Balances
from gateway.engine.breaks import Breaks
from gateway.engine.clock import Clock
from gateway.engine.desk import Desk
from gateway.engine.mass_cancels import Exclusive
from gateway.engine.ports import VenuePort
from gateway.engine.reconciler import Reconciler
from gateway.engine.recorder import Recorder
from gateway.engine.recovery import Recovered


def reconciler_of(
    config: Config,
    state: Recovered,
    accounts: Mapping[str, Account],
    desk: Desk,
    recorder: Recorder,
    venue: VenuePort,
    clock: Clock,
    exclusive: Exclusive,
) -> Reconciler:
    """As the configuration wants it, and where the last start has left it."""
    breaks = Breaks(recorder, state.breaks, state.break_id)
    balances = Balances(
        recorder=recorder,
        breaks=breaks,
        venue=venue,
        clock=clock,
        accounts=accounts.values(),
        tolerances=tolerances_of(config),
        rows=state.balances,
        symbols=state.symbols,
    )
    return Reconciler(
        accounts=[a.name for a in config.venue_accounts],
        desk=desk,
        recorder=recorder,
        breaks=breaks,
        balances=balances,
        venue=venue,
        clock=clock,
        prefix=config.deployment + "-",
        every_seconds=config.engine.reconcile_seconds,
        cancel_orphans=config.engine.orphans == "cancel",
        last_reconciled=state.last_reconciled,
        exclusive=exclusive,
    )
