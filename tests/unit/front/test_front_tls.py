"""TLS at the front: which clients are let in, and new files without a dropped session."""

import asyncio
import re
import ssl
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from gateway.front import Front, FrontError, FrontSettings, TlsError, TlsSettings, parse_identity
from tests.fixtures.certificates import Authority
from tests.unit.front.support import (
    ANSWER,
    ORDER,
    WAIT,
    Engine,
    Session,
    exactly,
    is_closed,
    logon,
    running,
    session,
    until,
    with_backend,
)

OURS, THEIRS = "CN=desk,O=Firm A", "CN=desk,O=Firm B"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue("server", "CN=gateway")
    made.issue("ours", OURS)
    made.issue("theirs", THEIRS)
    return made


@pytest.fixture
def plain(settings: FrontSettings, authority: Authority, tmp_path: Path) -> FrontSettings:
    """TLS without client certificates."""
    return replace(settings, tls=TlsSettings(tmp_path / "server.pem", tmp_path / "server.key"))


@pytest.fixture
def mutual(plain: FrontSettings, authority: Authority) -> FrontSettings:
    assert plain.tls is not None
    tls = replace(plain.tls, client_ca=authority.path, client_crl=authority.revoke())
    sessions = (
        replace(session("DESK"), certificates=frozenset({OURS})),
        replace(session("DESK01"), certificates=frozenset({THEIRS})),
    )
    return replace(with_backend(plain, sessions=sessions), tls=tls)


async def connect(front: Front, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", front.port, ssl=context)


async def log_on(front: Front, engine: Engine, context: ssl.SSLContext, sender: str = "DESK") -> Session:
    reader, writer = await connect(front, context)
    writer.write(logon(sender))
    engine_reader, engine_writer = await engine.connection()
    await asyncio.wait_for(engine_reader.readexactly(len(logon(sender))), WAIT)
    engine_writer.write(ANSWER)
    assert await exactly(reader, ANSWER)
    return Session(reader, writer, engine_reader, engine_writer)


async def works(side: Session) -> bool:
    side.writer.write(ORDER)
    side.engine_writer.write(ANSWER)
    return await exactly(side.engine_reader, ORDER) and await exactly(side.reader, ANSWER)


async def is_refused(front: Front, engine: Engine, context: ssl.SSLContext, sender: str = "DESK") -> bool:
    """Whether the Logon does not reach the engine. In TLS 1.3 the client thinks at first that it is connected."""
    try:
        reader, writer = await connect(front, context)
        writer.write(logon(sender))
        answer = await asyncio.wait_for(reader.read(), WAIT)
    except OSError:  # ssl.SSLError is one
        return engine.accepted.empty()
    return answer == b"" and engine.accepted.empty()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_work(
    plain: FrontSettings, engine: Engine, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.client()
    context.minimum_version = context.maximum_version = version
    async with running(plain) as front:
        side = await log_on(front, engine, context)
        assert side.writer.get_extra_info("ssl_object").version() == version.name.replace("_", ".")
        assert await works(side)
        big = ORDER * 20_000
        side.writer.write(big)
        side.engine_writer.write(big)
        assert await exactly(side.engine_reader, big)
        assert await exactly(side.reader, big)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_an_old_version_and_plain_text_are_refused(
    plain: FrontSettings, engine: Engine, authority: Authority, log: list[str]
) -> None:
    old = authority.client()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with running(plain) as front:
        assert await is_refused(front, engine, old)
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(logon())
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            assert await reader.readexactly(1000)
        assert engine.accepted.empty()
        assert await works(await log_on(front, engine, authority.client()))
    assert len([line for line in log if "TLS handshake failed" in line]) == 2


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("none", "peer did not return a certificate"),
        ("expired", "client certificate: certificate has expired"),
        ("revoked", "client certificate: certificate revoked"),
        ("unknown authority", "client certificate: "),
        ("another firm's", "the client's certificate is not one of the session's"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_clients_without_a_good_certificate_are_refused(
    mutual: FrontSettings,
    engine: Engine,
    authority: Authority,
    tmp_path: Path,
    log: list[str],
    which: str,
    reason: str,
    version: ssl.TLSVersion,
) -> None:
    authority.revoke(authority.issue("revoked", OURS))
    authority.issue("expired", OURS, days=-1)
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger")  # the same name, another key
    stranger.issue("fake", OURS)
    context = authority.client({"expired": "expired", "revoked": "revoked", "another firm's": "theirs"}.get(which))
    if which == "unknown authority":
        context.load_cert_chain(tmp_path / "stranger/fake.pem", tmp_path / "stranger/fake.key")
    context.maximum_version = version
    async with running(mutual) as front:
        good = await log_on(front, engine, authority.client("theirs"), "DESK01")
        assert await is_refused(front, engine, context)
        assert await works(good)
    (line,) = [line for line in log if "refused, " in line]
    assert reason in line


async def test_a_good_certificate_logs_on_by_subject_or_fingerprint(
    mutual: FrontSettings, engine: Engine, authority: Authority, log: list[str]
) -> None:
    issued = authority.issue("printed", "CN=anything")
    colons = issued.fingerprint(hashes.SHA256()).hex(":").upper()
    printed = replace(session("DESK02"), certificates=frozenset({parse_identity(f"SHA256:{colons}")}))
    async with running(with_backend(mutual, sessions=(*mutual.sessions, printed))) as front:
        assert await works(await log_on(front, engine, authority.client("ours")))
        assert await works(await log_on(front, engine, authority.client("printed"), "DESK02"))
    assert any("Logon forwarded certificate=CN=desk,O=Firm_A" in line for line in log)


async def test_new_files_are_used_without_dropping_sessions(
    mutual: FrontSettings, engine: Engine, authority: Authority, tmp_path: Path, log: list[str]
) -> None:
    async with running(mutual) as front:
        before = await log_on(front, engine, authority.client("ours"))
        old = before.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        renewed = authority.issue("server", "CN=gateway")
        authority.revoke(authority.issue("theirs", THEIRS))
        front.reload()
        assert await works(before)
        assert await is_refused(front, engine, authority.client("theirs"), "DESK01")
        before.writer.close()
        before.engine_writer.close()
        assert await is_closed(before.reader)
        after = await log_on(front, engine, authority.client("ours"))
        new = after.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        assert (int(new, 16), new != old) == (renewed.serial_number, True)
        (tmp_path / "server.pem").write_text("half a file")
        front.reload()
        assert any("TLS files not reloaded" in line and "server.pem" in line for line in log)
        assert await works(after)


async def test_what_handshakes_can_use_is_used_though_its_dates_cannot_be_read(
    plain: FrontSettings, engine: Engine, authority: Authority, log: list[str], tmp_path: Path
) -> None:
    """OpenSSL takes a trusted certificate; the library that reads the dates does not."""
    path = tmp_path / "server.pem"
    path.write_text(path.read_text().replace(" CERTIFICATE", " TRUSTED CERTIFICATE"))
    async with running(plain) as front:
        front.reload()
        assert await works(await log_on(front, engine, authority.client()))
    assert any("server.pem: in use, but it cannot be told until when" in line for line in log)


async def test_a_client_that_does_not_shake_hands_meets_the_logon_deadline(
    plain: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(plain, logon_deadline_seconds=0.2)) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(b"\x16\x03\x01")
        assert await is_closed(reader)
        assert any("refused" in line for line in log)


async def test_a_proxy_s_header_comes_before_tls(
    mutual: FrontSettings, engine: Engine, authority: Authority, log: list[str]
) -> None:
    sessions = (replace(mutual.sessions[0], allow_from=(ip_network("192.0.2.0/24"),)),)
    async with running(replace(with_backend(mutual, sessions=sessions), proxies=(ip_network("127.0.0.1"),))) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        addresses = ip_address("192.0.2.7").packed + ip_address("127.0.0.1").packed
        writer.write(b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + addresses + b"\x12\x34\x00\x01")
        await writer.start_tls(authority.client("ours"), server_hostname="127.0.0.1")
        writer.write(logon())
        engine_reader, engine_writer = await engine.connection()
        await asyncio.wait_for(engine_reader.readexactly(len(logon())), WAIT)
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
    assert any("Logon forwarded" in line and "peer=192.0.2.7:4660" in line for line in log)


async def test_a_list_out_of_date_is_said(mutual: FrontSettings, authority: Authority, log: list[str]) -> None:
    authority.revoke(days=-1)
    async with running(mutual):
        assert any("revocation list out of date" in line for line in log)


async def test_it_is_told_again_and_again_until_when_the_certificate_in_use_is_good(
    plain: FrontSettings, authority: Authority, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.front.server.TELL_DATES_S", 0.01)
    authority.issue("server", "CN=gateway", days=3)
    async with running(plain) as front:
        authority.issue("server", "CN=renewed")  # and nobody has it read
        await until(lambda: count(log, "WARNING", "subject=CN=gateway valid_until=") > 2)
        assert not count(log, "", "subject=CN=renewed")
        front.reload()
        await until(lambda: count(log, "INFO", "subject=CN=renewed valid_until=") > 2)
        authority.issue("server", "CN=over", days=-1)
        front.reload()
        await until(lambda: count(log, "ERROR", "subject=CN=over") > 2)


def count(log: list[str], level: str, text: str) -> int:
    return sum(level in line and text in line for line in log)


async def test_unusable_files_are_named(mutual: FrontSettings, tmp_path: Path) -> None:
    assert mutual.tls is not None
    (tmp_path / "empty").write_text("")
    (tmp_path / "other.key").write_bytes((tmp_path / "ours.key").read_bytes())
    for wrong in (
        {"certificate": tmp_path / "absent"},
        {"private_key": tmp_path / "other.key"},
        {"client_ca": tmp_path / "empty"},
        {"client_crl": tmp_path / "empty"},
    ):
        with pytest.raises(FrontError, match=str(next(iter(wrong.values())))):
            Front(replace(mutual, tls=replace(mutual.tls, **wrong)))


def test_identities_as_people_write_them() -> None:
    assert parse_identity("CN=desk, O=Firm A") == parse_identity("CN=desk,O=Firm A") == OURS
    assert parse_identity("SHA256:" + "AB:" * 31 + "AB") == "sha256:" + "ab" * 32
    for wrong in ("desk", "sha256:ab", ""):
        with pytest.raises(TlsError, match=re.escape(repr(wrong))):
            parse_identity(wrong)
