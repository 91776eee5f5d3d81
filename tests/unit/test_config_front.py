"""The configuration of the door: what the front makes of it, and mistakes in it."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.cli.front import front_settings
from gateway.config import load_config
from gateway.errors import ConfigError
from gateway.front import PasswordLogon, SignatureLogon, TlsSettings

BASE = """
environment = "sim"
deployment = "test"
venue_accounts = [{ name = "main" }]
accounts = [{ name = "A", venue_account = "main" }]

[front]
proxies = ["10.0.0.0/8"]
max_half_open = 7
lockout_seconds = 60

[front.tls]
certificate = "gateway.pem"
private_key = "gateway.key"
client_ca = "ca.pem"
client_crl = "ca.crl"

[[sessions]]
target_comp_id = "DESK"
accounts = ["A"]
allow_from = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]
client_certificates = ["CN=desk, O=Firm A"]

[sessions.logon]
method = "password"
users = ["ann"]

[[sessions]]
target_comp_id = "OTHER"
accounts = ["A"]
client_certificates = ["sha256:%s"]

[sessions.logon]
method = "signature"
public_keys = ["desk.pem"]
""" % ("AB:" * 31 + "ab")


def read(directory: Path, text: str) -> None:
    path = directory / "gateway.toml"
    path.write_text(text)
    front_settings(load_config(path))


def test_the_front_gets_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(BASE)
    settings = front_settings(load_config(path))
    assert settings.tls == TlsSettings(Path("gateway.pem"), Path("gateway.key"), Path("ca.pem"), Path("ca.crl"))
    assert (settings.proxies, settings.max_half_open) == ((ip_network("10.0.0.0/8"),), 7)
    assert settings.lockout_seconds == 60
    desk, other = settings.sessions
    assert desk.key == "FIX.4.4:FIXGW->DESK"
    assert desk.allow_from == tuple(ip_network(text) for text in ("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"))
    assert (desk.certificates, desk.logon) == (
        frozenset({"CN=desk,O=Firm A"}),
        PasswordLogon(frozenset({"ann"}), Path("var/users.json")),
    )
    assert other.certificates == frozenset({"sha256:" + "ab" * 32})
    assert other.logon == SignatureLogon((Path("desk.pem"),), 10)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("192.0.2.0/24", "192.0.2.1/24", r"sessions\.1\.allow_from\.1"),
        ('client_certificates = ["CN=desk, O=Firm A"]', "", "'DESK' names none"),
        ('client_ca = "ca.pem"\nclient_crl = "ca.crl"', "", "clients are not asked for theirs"),
        ('client_ca = "ca.pem"', "", "client_crl is of use with client_ca alone"),
        ("CN=desk, O=Firm A", "desk", "client_certificates of 'DESK': 'desk' is neither"),
        ('"password"', '"secret"', r"sessions\.1\.logon"),
        ('users = ["ann"]', "users = []", r"logon\.password\.users"),
        ("lockout_seconds", "lock_seconds", r"front\.lock_seconds: unknown key"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in BASE
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, BASE.replace(old, new, 1))
