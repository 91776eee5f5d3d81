"""Accounts: keys, balances, and the orders and trades of each."""

import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.simulator.errors import insufficient_balance
from gateway.simulator.orders import ZERO, Order, Trade

DEFAULT_BALANCES = {
    "USDT": Decimal(100_000_000),
    "BTC": Decimal(10_000),
    "ETH": Decimal(100_000),
    "LTC": Decimal(1_000_000),
    "BNB": Decimal(100_000),
}


@dataclass(slots=True)
class Balance:
    """Of one asset, in its own units. locked: set aside for open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True, eq=False)
class Account:
    """One trading account. An `unlimited` one (the market maker, scripted counterparties) has no balances."""

    name: str
    number: int
    start: dict[str, Decimal] = field(default_factory=dict)
    unlimited: bool = False
    balances: dict[str, Balance] = field(default_factory=dict)
    open_by_symbol: dict[str, dict[int, Order]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)  # assets changed since the last balance event
    update_ms: int = 0

    def reset(self) -> None:
        """As at the start: its first balances, no orders, no trades."""
        self.balances = {asset: Balance(free) for asset, free in self.start.items()}
        self.open_by_symbol.clear()
        self.orders.clear()
        self.by_client_id.clear()
        self.trades.clear()
        self.touched.clear()

    def open_orders(self, symbol: str) -> dict[int, Order]:
        """Those of a symbol by order id; the dict itself, for the ledger to change."""
        found = self.open_by_symbol.get(symbol)
        if found is None:
            found = self.open_by_symbol[symbol] = {}
        return found

    def balance(self, asset: str) -> Balance:
        """Of an asset, zero where it never had any."""
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def lock(self, asset: str, amount: Decimal) -> None:
        """Set money aside. Raises -2010 when there is too little free."""
        if self.unlimited:
            return
        balance = self.balance(asset)
        if balance.free < amount:
            raise insufficient_balance()
        balance.free -= amount
        balance.locked += amount
        self.touched.add(asset)

    def unlock(self, asset: str, amount: Decimal) -> None:
        """Give back what was set aside and is not needed any more."""
        if self.unlimited or not amount:
            return
        balance = self.balance(asset)
        balance.locked -= amount
        balance.free += amount
        self.touched.add(asset)

    def pay(self, asset: str, amount: Decimal, from_locked: Decimal) -> None:
        """Spend: first from what was set aside for this, the rest from free money."""
        if self.unlimited:
            return
        balance = self.balance(asset)
        balance.locked -= from_locked
        balance.free -= amount - from_locked
        self.touched.add(asset)

    def receive(self, asset: str, amount: Decimal) -> None:
        """Get what was bought, or what a sale brought."""
        if self.unlimited:
            return
        self.balance(asset).free += amount
        self.touched.add(asset)


@dataclass(slots=True, eq=False)
class ApiKey:
    """A key with either an HMAC secret or an Ed25519 public key."""

    api_key: str
    account: Account
    secret: bytes | None = None
    public_key: Ed25519PublicKey | None = None


class Accounts:
    """All accounts and their keys."""

    def __init__(self) -> None:
        self.by_name: dict[str, Account] = {}
        self.keys: dict[str, ApiKey] = {}

    def add(self, name: str, balances: dict[str, Decimal] | None = None) -> Account:
        """Make an account; without balances it gets the default ones. Raises ValueError where the name is taken."""
        if name in self.by_name:
            raise ValueError(f"account {name!r} is named twice")
        account = Account(name, len(self.by_name) + 1, dict(balances or DEFAULT_BALANCES))
        account.reset()
        self.by_name[name] = account
        return account

    def add_hmac_key(self, name: str, api_key: str, secret: str) -> None:
        """Raises ValueError for an unknown account or a key that is there already."""
        self._add_key(ApiKey(api_key, self._account(name), secret=secret.encode()))

    def add_ed25519_key(self, name: str, api_key: str, pem: bytes) -> None:
        """pem: the public key. Raises ValueError as for HMAC keys, or for no PEM, TypeError for another kind."""
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError(f"the public key of account {name!r} is not an Ed25519 key")
        self._add_key(ApiKey(api_key, self._account(name), public_key=key))

    def _account(self, name: str) -> Account:
        if name not in self.by_name:
            raise ValueError(f"no account is named {name!r}; there are: {', '.join(self.by_name)}")
        return self.by_name[name]

    def _add_key(self, key: ApiKey) -> None:
        if key.api_key in self.keys:
            raise ValueError(f"the API key {key.api_key!r} is used twice")
        self.keys[key.api_key] = key


def sandbox_accounts() -> Accounts:
    """The built-in accounts. Their keys open nothing but this simulator."""
    accounts = Accounts()
    for name in ("main", "second"):
        accounts.add(name)
        accounts.add_hmac_key(name, f"sim-{name}-key", f"sim-{name}-secret")
    return accounts


def load_accounts(path: Path) -> Accounts:
    """Read accounts from TOML: [[account]] tables with name, api_key, secret or ed25519_public_key (PEM text),
    and optionally [account.balances] as asset = "amount".

    Raises ValueError naming the file and what is wrong.
    """
    accounts = Accounts()
    try:
        document = tomllib.loads(path.read_text())
        for table in document.get("account", []):
            _load_account(accounts, table)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise ValueError(f"{path}: {error!r}") from error
    if not accounts.by_name:
        raise ValueError(f"{path}: no [[account]] table found")
    return accounts


def _load_account(accounts: Accounts, table: dict[str, object]) -> None:
    known = {"name", "api_key", "secret", "ed25519_public_key", "balances"}
    unknown = set(table) - known
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}; allowed are {sorted(known)}")
    missing = {"name", "api_key"} - set(table)
    if missing:
        raise ValueError(f"an [[account]] table lacks {', '.join(sorted(missing))}")
    name, api_key = str(table["name"]), str(table["api_key"])
    if name not in accounts.by_name:
        balances = table.get("balances")
        given = balances if isinstance(balances, dict) else {}
        accounts.add(name, {asset: Decimal(str(amount)) for asset, amount in given.items()} or None)
    if "secret" in table:
        accounts.add_hmac_key(name, api_key, str(table["secret"]))
    elif "ed25519_public_key" in table:
        accounts.add_ed25519_key(name, api_key, str(table["ed25519_public_key"]).encode())
    else:
        raise ValueError(f"account {name!r} needs secret or ed25519_public_key")
