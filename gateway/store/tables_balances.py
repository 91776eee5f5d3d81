"""What venue accounts should hold, and what the venue said of symbols: tables whose rows are written once."""

from sqlalchemy import BigInteger, Column, Table, Text

from gateway.store.columns import ExactDecimal, Key, metadata

# What should be at a venue beside what executions move: see domain/balances.py, and store/balances.py for each kind.
balances = Table(
    "balances",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("kind", Text, nullable=False),  # 'baseline', 'moved', 'accepted' or 'anew'
    Column("qty", ExactDecimal, nullable=False),  # of a baseline: what was there, free and locked; else by how much
    Column("executed", ExactDecimal, nullable=False),  # of a baseline: what executions had moved by then
    Column("as_of", BigInteger, nullable=False),  # the venue's time
    Column("accounts", Text, nullable=False),  # of a baseline: whose executions count, blanks between them
    Column("action_id", BigInteger),  # the operator's, of what was accepted, or began anew
    Column("text", Text, nullable=False),
)

# What a symbol is made of, as the venue said when executions in it were first counted: later it may list it no more.
symbols = Table(
    "symbols",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("quote", Text, nullable=False),
)

# Symbols with their filters, as orders were decided with them from this journal position on: a row with the first order
# in a symbol, and whenever it had changed. So that they can be decided once more.
instruments = Table(
    "instruments",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("venue_account", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("content", Text, nullable=False),  # domain/instruments.py, Instrument, as JSON; empty: it was not listed
)
