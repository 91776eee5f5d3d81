"""The whole gateway with its door locked: client certificates, passwords, signatures; nothing else is open."""

import base64
import contextlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import MetaData, select

from gateway.client import ClientError, FixClient
from gateway.client.message import Fields, encode, utc_timestamp
from gateway.front import UserFile, hash_password
from gateway.store.tables import orders
from tests.fixtures.certificates import Authority
from tests.fixtures.other_user import NOBODY, connected_as, needs_root
from tests.fixtures.processes import ROOT, Exchange, Gateway, wait_until

PASSWORD, NEW_PASSWORD, WRONG = "Xq7-password-9Zk", "Xq7-new-password-9Zk", "Xq7-wrong-one-9Zk"
KEY = Ed25519PrivateKey.generate()
FRONT = """
users_file = "{directory}/users.json"

[front.tls]
certificate = "{directory}/server.pem"
private_key = "{directory}/server.key"
client_ca = "{directory}/authority.pem"
client_crl = "{directory}/authority.crl"
"""
CERTIFIED = 'client_certificates = ["CN=desk,O=Firm A"]\nallow_from = ["127.0.0.0/8", "::1/128"]\n'
BY_PASSWORD = CERTIFIED + '[sessions.logon]\nmethod = "password"\nusers = ["ann"]\n'
BY_SIGNATURE = CERTIFIED + '[sessions.logon]\nmethod = "signature"\npublic_keys = ["{directory}/desk.pem"]\n'


class Door:
    """The gateway, and what its clients identify themselves with."""

    def __init__(self, directory: Path, exchange_url: str) -> None:
        self.directory = directory
        self.authority = Authority(directory)
        self.authority.issue("server", "CN=gateway")
        self.authority.issue("ours", "CN=desk,O=Firm A")
        self.authority.issue("theirs", "CN=desk,O=Firm B")
        self.authority.revoke()
        (directory / "desk.pem").write_bytes(
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        UserFile(directory / "users.json").add("ann", hash_password(PASSWORD))
        self.gateway = Gateway(
            directory,
            exchange_url,
            front=FRONT.format(directory=directory),
            sessions={
                "DESK": ("FIX.4.4", CERTIFIED),
                "PASSWORD": ("FIX.4.2", BY_PASSWORD),
                "SIGNED": ("FIX.4.4", BY_SIGNATURE.format(directory=directory)),
            },
        )

    def client(self, comp_id: str = "DESK", certificate: str | None = "ours", **options: object) -> FixClient:
        return self.gateway.client(comp_id, tls=self.tls(certificate), **options)

    def tls(self, certificate: str | None) -> ssl.SSLContext:
        return self.authority.client(certificate)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("door")
    exchange = Exchange(directory).start()
    made = Door(directory, exchange.url)
    made.gateway.start()
    yield made
    made.gateway.stop()
    exchange.stop()


async def trades(client: FixClient) -> bool:
    """Whether an order on the client's session is accepted and canceled."""
    order = client.new_order("BTCUSDT", "buy", "0.1", price="30000", time_in_force="GTC")
    await client.expect("8", {11: order, 150: "0"})
    client.cancel(order)
    await client.expect("8", {41: order, 150: "4"})
    return True


async def test_only_the_right_certificate_trades(door: Door) -> None:
    async with door.client() as client:
        assert await trades(client)
        for certificate in (None, "theirs"):
            with pytest.raises(ClientError):
                await door.client("SIGNED", certificate, store=None).connect()
        with pytest.raises(ClientError):
            await door.gateway.client("SIGNED", store=None).connect()  # without TLS
        with pytest.raises(ClientError, match="the session is in use by another connection"):
            await door.client(store=None).connect()
        assert await trades(client)


async def test_a_client_cannot_speak_for_another_session(door: Door) -> None:
    client = await door.client().connect()
    forged: Fields = [(11, "forged"), (55, "BTCUSDT"), (54, "1"), (38, "0.1"), (40, "2"), (44, "30000"), (59, "1")]
    client.send("D", [(49, "SIGNED"), *forged, (60, utc_timestamp(time.time_ns()))])
    reject = await client.expect("3")
    assert reject[373] == "9"  # CompID problem
    await client.wait_closed()
    async with door.client() as again:
        assert await trades(again)
    with door.gateway.sql() as sql:
        assert sql.execute(select(orders).where(orders.c.first_cl_ord_id == "forged")).all() == []


def test_the_desk_s_own_command_speaks_tls(door: Door) -> None:
    directory = door.directory
    order = ["send", "buy", "0.1", "BTCUSDT", "--limit", "30000", "--tif", "GTC", "--port", str(door.gateway.port)]
    state = ["--state", str(directory / "DESK.json")]
    files = ["--tls-ca", "authority.pem", "--tls-certificate", "ours.pem", "--tls-key", "ours.key"]
    for tls, code in ((files, 0), (files[:2], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *order, *state, *tls],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr


async def test_certificates_are_exchanged_while_a_session_trades(door: Door) -> None:
    async with door.client() as client:
        door.authority.issue("server", "CN=gateway renewed")
        door.authority.revoke(door.authority.issue("revoked", "CN=desk,O=Firm A"))
        seen = len(door.gateway.log())
        os.kill(door.gateway.pid, signal.SIGUSR2)
        wait_until(lambda: "subject=CN=gateway_renewed" in door.gateway.log()[seen:], "new certificate")
        assert await trades(client)
        with pytest.raises(ClientError):
            await door.client("SIGNED", "revoked", store=None).connect()
        reason = "client certificate: certificate revoked"
        wait_until(lambda: reason in door.gateway.log()[seen:], reason)


async def test_a_password_is_asked_for_and_changed_and_kept_nowhere(door: Door) -> None:
    for name, password in (("ann", WRONG), ("nobody", PASSWORD), (None, None)):
        with pytest.raises(ClientError, match="not authorized"):
            await door.client("PASSWORD", username=name, password=password).connect()
    client = door.client("PASSWORD", username="ann", password=PASSWORD)
    await client.open()
    await client.logon(fields=[(925, NEW_PASSWORD)])
    assert await trades(client)
    await client.logout()
    with pytest.raises(ClientError, match="not authorized"):
        await door.client("PASSWORD", username="ann", password=PASSWORD).connect()
    async with door.client("PASSWORD", username="ann", password=NEW_PASSWORD) as again:
        assert await trades(again)
    # In SQL, QuickFIX's files, the users' file and the log the Logons are found, but none of the passwords.
    kept = everything_in_sql(door.gateway)
    assert b"553=ann\x01" in kept
    assert b"925=" + b"*" * len(NEW_PASSWORD) in kept
    files = {path: path.read_bytes() for path in door.directory.rglob("*") if path.is_file()}
    files[Path("sql")] = kept
    secrets = [text.encode() for text in (PASSWORD, NEW_PASSWORD, WRONG)]
    assert [(path.name, secret) for path, data in files.items() for secret in secrets if secret in data] == []
    assert {"gateway.log", "gateway.db", "users.json"} <= {path.name for path in files}
    assert any("quickfix" in str(path) for path in files)


async def test_a_signature_logs_on(door: Door) -> None:
    client = door.client("SIGNED")
    for key in (Ed25519PrivateKey.generate(), KEY):
        sending_time = utc_timestamp(time.time_ns())
        signature = key.sign(f"A\x01SIGNED\x01FIXGW\x01{client.next_out}\x01{sending_time}".encode())
        text = base64.b64encode(signature).decode()
        await client.open()
        logon = client.logon(fields=[(52, sending_time), (95, len(text)), (96, text)])
        if key is KEY:
            await logon
        else:
            with pytest.raises(ClientError, match="not authorized"):
                await logon
    assert await trades(client)
    await client.logout()


async def test_no_other_port_is_open_and_the_engine_is_ours_alone(door: Door) -> None:
    gateway = door.gateway
    processes = processes_of(gateway)
    assert {gateway.engine_pid(), gateway.child_pid("front")} < set(processes)
    async with door.client():  # while a client is on
        listening = {port for process in processes for port in listening_ports(process)}
    assert listening == {gateway.port}
    found = (door.directory / "run" / "engine.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.geteuid())


def processes_of(gateway: Gateway) -> list[int]:
    """All that are running."""
    started = {int(found) for found in re.findall(r"started process=\w+ pid=(\d+)", gateway.log())}
    return [gateway.pid, *(process for process in started if Path(f"/proc/{process}").exists())]


def listening_ports(process: int) -> set[int]:
    """TCP ports, of all addresses, that one of the process's sockets listens on: proc(5)."""
    links = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(str(entry.readlink()))
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:  # listening
                ports.add(int(columns[1].rpartition(":")[2], 16))
    return ports


def test_the_scan_sees_what_it_looks_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("::1", 0), family=socket.AF_INET6) as two:
        expected = {one.getsockname()[1], two.getsockname()[1]}
        assert expected <= listening_ports(os.getpid())


@needs_root
async def test_another_user_does_not_reach_the_engine_even_if_the_mode_is_changed(door: Door) -> None:
    path = door.directory / "run" / "engine.sock"
    header: Fields = [(49, "DESK"), (56, "FIXGW"), (34, 1), (52, utc_timestamp(time.time_ns()))]
    with connected_as(NOBODY, path) as refused:
        assert refused is None
    path.parent.chmod(0o777)
    path.chmod(0o777)
    with connected_as(NOBODY, path) as stranger:
        assert stranger is not None
        stranger.settimeout(20)
        stranger.sendall(encode("FIX.4.4", "A", header, [(98, 0), (108, 30), (141, "Y")]))
        assert stranger.recv(4096) == b""
    wait_until(lambda: f"by another user uid={NOBODY}" in door.gateway.log(), "the refusal in the log")
    path.chmod(0o600)
    path.parent.chmod(0o700)
    assert "died" not in door.gateway.log()
    async with door.client(reset_seq_num=True) as client:
        assert await trades(client)


def everything_in_sql(gateway: Gateway) -> bytes:
    tables = MetaData()
    everything = []
    with gateway.sql() as connection:
        tables.reflect(connection)
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                everything += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(everything)
