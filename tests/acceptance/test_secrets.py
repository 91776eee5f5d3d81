"""Keys and passwords are in no log, no table and no file of the gateway's, while everything else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select

from tests.fixtures import processes
from tests.fixtures.processes import Exchange, Gateway

API_SECRET = "Xq7-venue-secret-9Zk"
PASSWORD, NEW_PASSWORD, RAW_DATA = "Xq7-password-9Zk", "Xq7-new-password-9Zk", "Xq7-raw-data-9Zk"
API_KEY = "Xq7-venue-key-9Zk"
SECRETS = [text.encode() for text in (API_SECRET, PASSWORD, NEW_PASSWORD, RAW_DATA, API_KEY)]
ACCOUNTS = f'[[account]]\nname = "main"\napi_key = "{API_KEY}"\nsecret = "{API_SECRET}"\n'


@pytest.fixture
def secretive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Exchange, Gateway]]:
    """A gateway whose files are in a directory of its own, with keys that cannot be mistaken for anything else."""
    for name, value in {"FIXGW_SIM_MAIN_API_KEY": API_KEY, "FIXGW_SIM_MAIN_API_SECRET": API_SECRET}.items():
        monkeypatch.setitem(processes.KEYS, name, value)
    for name in ("exchange", "gateway"):
        (tmp_path / name).mkdir()
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    exchange = Exchange(tmp_path / "exchange", maker=True, options=("--accounts", str(accounts)))
    exchange.start()
    gateway = Gateway(tmp_path / "gateway", exchange.url)
    gateway.start()
    yield exchange, gateway
    gateway.stop()
    exchange.stop()


async def test_no_secret_is_kept_anywhere(secretive: tuple[Exchange, Gateway]) -> None:
    exchange, gateway = secretive
    client = gateway.client("DESK", store=None, username="trader-name", password=PASSWORD)
    await client.open()
    await client.logon(fields=[(925, NEW_PASSWORD), (95, len(RAW_DATA)), (96, RAW_DATA)])
    filled = client.new_order("BTCUSDT", "buy", "0.1", price="61000", time_in_force="GTC")
    await client.expect("8", {11: filled, 39: "2"}, timeout=10)
    await client.logout()
    # Failures are where secrets like to slip out: a refused Logon, a refused signature, a lost connection.
    await exchange.control("reject", op="order.place", code=-1022, msg="Signature for this request is not valid.")
    stranger = gateway.client("DESK", store=None, password=PASSWORD, heart_bt_int=0)
    stranger.next_out = client.next_out
    stranger.next_in = client.next_in
    await stranger.open()
    with pytest.raises(Exception, match=r"refused|answer"):
        await stranger.logon(timeout=5)
    again = gateway.client("DESK", store=None, password=PASSWORD, reset_seq_num=True)
    await again.connect()
    refused = again.new_order("BTCUSDT", "buy", "0.1", price="50000", time_in_force="GTC")
    await again.expect("8", {11: refused, 39: "8"}, timeout=10)
    await exchange.control("drop_connections")
    await again.logout()
    gateway.stop()

    kept = _everything_in_sql(gateway)
    assert b"trader-name" in kept, "the Logon should be in SQL, so that its absence does not pass for masking"
    assert filled.encode() in kept
    assert [secret for secret in SECRETS if secret in kept] == []

    files = [path for path in gateway.directory.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"gateway.log", "gateway.db"} <= names
    found = [(path.name, secret) for path in files for secret in SECRETS if secret in path.read_bytes()]
    assert found == []


def _everything_in_sql(gateway: Gateway) -> bytes:
    tables = MetaData()
    everything = []
    with gateway.sql() as connection:
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                everything += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    assert everything
    return b"\n".join(everything)
