"""Balances in SQL: each baseline, deposit and acceptance is a row that is written once; a start adds them up.

kind 'baseline': qty was there as of then. 'moved': qty came by itself, or went. 'accepted': a person takes qty more for
right. 'anew': it is another account of the exchange from here on, and nothing before counts; of no asset.
"""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection, select

from gateway.domain.balances import AccountBalances, Baseline, Movement
from gateway.domain.money import ZERO, text_of
from gateway.store.rows import BalanceRow, SymbolRow, storable
from gateway.store.tables import balances, symbols

_MS = 1_000_000  # ns
BASELINE, MOVED, ACCEPTED, ANEW = "baseline", "moved", "accepted", "anew"


def baseline_row(venue_account: str, asset: str, baseline: Baseline, at: int, text: str) -> BalanceRow:
    """A baseline that was taken."""
    return BalanceRow(
        at,
        venue_account,
        asset,
        BASELINE,
        text_of(baseline.total),
        text_of(baseline.executed),
        baseline.as_of_ms * _MS,
        " ".join(sorted(baseline.accounts)),
        None,
        storable(text),
    )


def moved_row(venue_account: str, movement: Movement, at: int, text: str) -> BalanceRow:
    """A deposit or withdrawal."""
    as_of, qty = movement.at_ms * _MS, text_of(movement.qty)
    return BalanceRow(at, venue_account, storable(movement.asset), MOVED, qty, "0", as_of, "", None, storable(text))


def accepted_row(venue_account: str, asset: str, qty: Decimal, at: int, action_id: int, text: str) -> BalanceRow:
    """What a person takes for right."""
    return BalanceRow(at, venue_account, asset, ACCEPTED, text_of(qty), "0", at, "", action_id, storable(text))


def anew_row(venue_account: str, at: int, action_id: int, text: str) -> BalanceRow:
    """Another account of the exchange."""
    return BalanceRow(at, venue_account, "", ANEW, "0", "0", at, "", action_id, storable(text))


def load_balances(connection: Connection) -> list[BalanceRow]:
    """All of them, in order."""
    rows = [BalanceRow(*row[1:]) for row in connection.execute(select(balances).order_by(balances.c.id))]
    return [row._replace(qty=f"{row.qty:f}", executed=f"{row.executed:f}") for row in rows]


def add_up(rows: list[BalanceRow], accounts: Mapping[str, AccountBalances]) -> None:
    """Bring accounts, by venue account, to where these rows have left them."""
    for row in rows:
        account = accounts.get(row.venue_account)
        if account is None:
            continue
        qty, at_ms = Decimal(row.qty), row.as_of // _MS
        if row.kind == BASELINE:
            whose = frozenset(row.accounts.split())
            account.baselines[row.asset] = Baseline(qty, Decimal(row.executed), at_ms, whose, ZERO)
        elif row.kind == MOVED:
            account.moved(Movement(at_ms, row.asset, qty))
        elif row.kind == ANEW:
            account.begin_anew()
        else:
            account.accept(row.asset, qty)


def load_symbols(connection: Connection) -> list[SymbolRow]:
    """All of them."""
    return [SymbolRow(*row[1:]) for row in connection.execute(select(symbols).order_by(symbols.c.id))]
