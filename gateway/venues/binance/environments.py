"""Where orders go, and with whose keys. The hosts of testnet and live are constants, so that no configuration can
mix them up; the simulator must be on this machine.

Keys come from the process's environment, one set a kind of environment and venue account:

    FIXGW_<SIM|TESTNET|LIVE>_<ACCOUNT>_API_KEY
    FIXGW_<SIM|TESTNET|LIVE>_<ACCOUNT>_API_SECRET        HMAC, or
    FIXGW_<SIM|TESTNET|LIVE>_<ACCOUNT>_PRIVATE_KEY_FILE  Ed25519: the path of a PEM file

The first two may end in _FILE and name a file that has the value, and each may end in _COMMAND instead and be a command
that prints it, so that it can be changed while the process runs.
ACCOUNT is the venue account's name upper-cased, with every character but A-Z and 0-9 replaced by an underscore.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from gateway.venues.base import VenueSettingsError
from gateway.venues.binance.key_source import output_of, value_of
from gateway.venues.binance.signing import Ed25519Signer, HmacSigner, KeyFileError, Signer

_WS_PATH = "/ws-api/v3"


class Environment(StrEnum):
    """Which exchange is meant. A database stamped for one refuses the others."""

    SIM = "sim"
    TESTNET = "testnet"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs, without a path for REST and complete for the WebSocket API and the market data stream."""

    rest_url: str
    ws_url: str
    market_url: str


_FIXED = {
    Environment.TESTNET: Endpoints(
        "https://testnet.binance.vision",
        f"wss://ws-api.testnet.binance.vision{_WS_PATH}",
        "wss://stream.testnet.binance.vision/stream",
    ),
    Environment.LIVE: Endpoints(
        "https://api.binance.com",
        f"wss://ws-api.binance.com{_WS_PATH}",
        "wss://stream.binance.com:9443/stream",
    ),
}


def endpoints(environment: Environment, base_url: str | None, *, allow_live: bool) -> Endpoints:
    """The hosts of an environment.

    base_url is for the simulator alone, and must name this machine. Raises VenueSettingsError.
    """
    if environment is Environment.SIM:
        if base_url is None:
            raise VenueSettingsError("environment sim needs base_url, such as http://127.0.0.1:9000")
        return _simulator(base_url)
    if base_url is not None:
        raise VenueSettingsError(f"base_url is for environment sim alone; {environment} has fixed hosts: {base_url!r}")
    if environment is Environment.LIVE and not allow_live:
        raise VenueSettingsError("environment live trades real money: fixgw run takes it with --live alone")
    return _FIXED[environment]


def _simulator(base_url: str) -> Endpoints:
    parts = urlsplit(base_url)
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or not _is_loopback(parts.hostname or ""):
        raise VenueSettingsError(f"base_url must be http://<loopback address>:<port> and no more: {base_url!r}")
    return Endpoints(f"http://{parts.netloc}", f"ws://{parts.netloc}{_WS_PATH}", f"ws://{parts.netloc}/stream")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An API key and what signs for it."""

    api_key: str
    signer: Signer

    def __repr__(self) -> str:
        return f"Credentials(***, {self.signer!r})"


def load_credentials(environment: Environment, venue_account: str, environ: Mapping[str, str]) -> Credentials:
    """Read an account's key. Raises VenueSettingsError naming the variable or file that is missing or wrong."""
    prefix = f"FIXGW_{environment.upper()}_{re.sub('[^A-Z0-9]', '_', venue_account.upper())}"
    key, secret, private = (f"{prefix}_{part}" for part in ("API_KEY", "API_SECRET", "PRIVATE_KEY"))
    try:
        return Credentials(_api_key(key, environ), _signer(secret, private, environ))
    except KeyFileError as error:
        raise VenueSettingsError(f"venue account {venue_account!r}: {error}") from None


def _api_key(name: str, environ: Mapping[str, str]) -> str:
    value = value_of(name, environ)
    if not value:
        raise KeyFileError(f"environment variable {name} is not set")
    return value


def _signer(secret_name: str, private_name: str, environ: Mapping[str, str]) -> Signer:
    file, command = (environ.get(private_name + kind, "").strip() for kind in ("_FILE", "_COMMAND"))
    secret = value_of(secret_name, environ)
    if sum(map(bool, (secret, file, command))) > 1:
        raise KeyFileError(f"set {secret_name}, {private_name}_FILE or {private_name}_COMMAND, not both")
    if secret:
        return HmacSigner(secret)
    if command:
        name = f"{private_name}_COMMAND"
        return Ed25519Signer.from_pem(output_of(name, command, environ), f"what {name} printed")
    if not file:
        raise KeyFileError(f"neither environment variable {secret_name} nor {private_name}_FILE is set")
    try:
        return Ed25519Signer.from_pem_file(Path(file))
    except KeyFileError as error:
        raise KeyFileError(f"{private_name}_FILE: {error}") from None
