"""Logon by password and by signature: who gets in, what the others learn, and what is kept."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import pytest
import simplefix
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.client.message import utc_timestamp
from gateway.front import (
    Front,
    FrontError,
    FrontSettings,
    PasswordLogon,
    SignatureLogon,
    UserFile,
    UserFileError,
    hash_password,
    passwords,
)
from gateway.front import authentication as authentication_module
from gateway.front.authentication import PasswordCheck
from gateway.front.credentials import Credentials
from gateway.front.logon import take_logon
from gateway.front.passwords import is_password
from gateway.front.refused import Refused
from gateway.front.signatures import PublicKeyError, SignatureCheck, load_keys
from tests.unit.front.support import ANSWER, WAIT, Engine, connect, exactly, fix, running, session, with_backend

GOOD, WRONG, NEW = "correct horse battery", "wrong horse battery", "another horse, battery"
HASH = hash_password(GOOD)


@pytest.fixture
def users(tmp_path: Path) -> UserFile:
    made = UserFile(tmp_path / "users.json")
    for name in ("ann", "bob", "eve"):
        made.add(name, HASH)
    made.disable("bob")
    return made


@pytest.fixture
def by_password(settings: FrontSettings, users: UserFile) -> FrontSettings:
    policy = replace(session("DESK"), logon=PasswordLogon(frozenset({"ann", "bob", "ghost"}), users.path))
    settings = with_backend(settings, sessions=(policy, session("DESK01")))
    return replace(settings, max_logon_failures=3)


async def answer(front: Front, engine: Engine, message: bytes) -> simplefix.FixMessage:
    """The first message that this Logon gets."""
    reader, writer = await connect(front)
    writer.write(message)
    parser = simplefix.FixParser()
    reading = asyncio.create_task(reader.read(4096))
    forwarding = asyncio.create_task(engine.connection())
    done, _ = await asyncio.wait([reading, forwarding], timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
    if forwarding in done:
        engine_reader, engine_writer = forwarding.result()
        await asyncio.wait_for(engine_reader.readexactly(len(message)), WAIT)
        engine_writer.write(ANSWER)
    else:
        forwarding.cancel()
    parser.append_buffer(await asyncio.wait_for(reading, WAIT))
    writer.close()
    if forwarding in done:
        assert await asyncio.wait_for(engine_reader.read(), WAIT) == b""
        engine_writer.close()
    assert await asyncio.wait_for(reader.read(), WAIT) == b""
    return parser.get_message()


def password_logon(name: str, password: str, *more: tuple[int, str]) -> bytes:
    return fix("A", (98, "0"), (108, "30"), (553, name), (554, password), *more)


async def test_users_get_in_with_their_password_alone(
    by_password: FrontSettings, engine: Engine, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []

    def counting(password_hash: str | None, password: str) -> bool:
        checked.append(password_hash)
        return is_password(password_hash, password)

    monkeypatch.setattr(authentication_module, "is_password", counting)
    refused = {
        "wrong password of user ann": password_logon("ann", WRONG),
        "unknown user": password_logon("ghost", GOOD),
        "no Username(553) was given": fix("A", (98, "0"), (108, "30")),
        "user bob is disabled": password_logon("bob", GOOD),
        "user eve may not use the session": password_logon("eve", GOOD),
    }
    async with running(by_password) as front:
        answers = [await answer(front, engine, message) for message in refused.values()]
        for found in answers:
            assert [found.get(tag) for tag in (35, 372, 58)] == [b"3", b"A", b"not authorized"]
        # Alike but for the second they were sent in.
        assert len({re.sub(rb"\x01(52|10)=[^\x01]*", b"", found.encode()) for found in answers}) == 1
        for reason in refused:
            assert any(f"refused, {reason}" in line for line in log)
        # as much work for each, whoever it was
        assert checked == [HASH, None, None, HASH, HASH]
        assert (await answer(front, engine, password_logon("ann", GOOD))).get(35) == b"A"
        assert not [secret for secret in (GOOD, WRONG) if secret in "".join(log)]


async def test_a_new_password_takes_the_old_one_s_place(
    by_password: FrontSettings, engine: Engine, users: UserFile, log: list[str]
) -> None:
    async with running(by_password) as front:
        short = await answer(front, engine, password_logon("ann", GOOD, (925, "short")))
        assert short.get(58) == b"NewPassword(925): a password has 12 to 128 printable ASCII characters"
        assert (await answer(front, engine, password_logon("ann", WRONG, (925, NEW)))).get(35) == b"3"
        assert (await answer(front, engine, password_logon("ann", GOOD, (925, NEW)))).get(35) == b"A"
        assert (await answer(front, engine, password_logon("ann", GOOD))).get(35) == b"3"
        assert (await answer(front, engine, password_logon("ann", NEW))).get(35) == b"A"
        users.set_hash("ann", HASH)  # by another process: used from now on
        assert (await answer(front, engine, password_logon("ann", GOOD))).get(35) == b"A"
    assert any("password changed user=ann" in line for line in log)
    assert NEW not in "".join(log)


async def test_a_user_is_locked_for_a_time_after_failures(users: UserFile) -> None:
    now = 0.0
    check = PasswordCheck(max_failures=3, lockout_seconds=60, clock=lambda: now)
    allowed = frozenset({"ann", "eve"})

    async def attempt(name: str, password: str) -> str:
        logon = take_logon(password_logon(name, password), 4096)
        assert logon is not None
        try:
            await check.check(users, allowed, logon, ip_address("192.0.2.1"))
        except Refused as refusal:
            return str(refusal) if refusal.answer == "not authorized" else refusal.answer
        return "in"

    assert [await attempt("ann", p) for p in (WRONG, WRONG, GOOD)][2] == "in"  # which clears the count
    for _ in range(3):
        assert await attempt("ann", WRONG) == "wrong password of user ann"
    assert await attempt("ann", GOOD) == "user ann is locked after 3 failures"
    assert await attempt("eve", GOOD) == "in"
    now = 59.0
    for _ in range(5):
        assert "locked" in await attempt("ann", WRONG)  # no longer for it
    now = 61.0
    assert await attempt("ann", GOOD) == "in"
    check.close()


async def test_checks_neither_block_the_loop_nor_pile_up(
    by_password: FrontSettings, engine: Engine, log: list[str]
) -> None:
    async with running(replace(by_password, max_logon_failures=1000)) as front:
        waiting = [await connect(front) for _ in range(60)]
        for _, writer in waiting:
            writer.write(password_logon("ann", WRONG))
        reader, writer = await connect(front)  # a session without passwords gets in before them
        writer.write(fix("A", (98, "0"), (108, "30"), sender="DESK01"))
        _engine_reader, engine_writer = await engine.connection()
        engine_writer.write(ANSWER)
        assert await exactly(reader, ANSWER)
        assert not all(reader.at_eof() for reader, _ in waiting)
        texts = [await asyncio.wait_for(reader.read(), WAIT) for reader, _ in waiting]
        busy = len([text for text in texts if b"58=busy, try again\x01" in text])
        assert busy > 0
        assert busy + len([text for text in texts if b"58=not authorized\x01" in text]) == 60


async def test_one_address_does_not_keep_others_waiting_long(users: UserFile) -> None:
    check = PasswordCheck(max_failures=1000, lockout_seconds=60)
    logon = take_logon(password_logon("ann", GOOD), 4096)
    assert logon is not None
    flood = [check.check(users, frozenset({"ann"}), logon, ip_address("192.0.2.1")) for _ in range(50)]
    other = check.check(users, frozenset({"ann"}), logon, ip_address("192.0.2.2"))
    *flooded, result = await asyncio.gather(*flood, other, return_exceptions=True)
    assert result is None
    assert [str(r) for r in flooded if r] == ["too many Logons are waiting for their password check"] * 42
    assert not check._waiting
    check.close()


def test_the_file_is_ours_alone_and_holds_no_password(users: UserFile) -> None:
    assert users.path.stat().st_mode & 0o777 == 0o600
    text = users.path.read_text()
    assert GOOD not in text
    assert json.loads(text)["bob"]["disabled"] is True
    with pytest.raises(UserFileError, match="there already"):
        users.add("ann", HASH)
    with pytest.raises(UserFileError, match="no user 'nobody'"):
        users.set_hash("nobody", HASH)
    users.path.write_text('{"ann": {"password": "x"}}')
    with pytest.raises(UserFileError, match="not a file of users"):
        users.users()
    users.path.unlink()
    assert users.users() == {}


@pytest.mark.parametrize("wrong", ["short", "x" * 129, "correct horse batteré", "correct\x01horse battery"])
def test_passwords_that_may_not_be(wrong: str) -> None:
    with pytest.raises(ValueError, match="12 to 128 printable ASCII"):
        hash_password(wrong)


def test_who_is_unknown_costs_what_a_known_user_costs() -> None:
    assert passwords._NOBODY.split("$")[:4] == hash_password(GOOD).split("$")[:4]  # algorithm, version, parameters
    assert not is_password(None, GOOD)


# --- signatures


@pytest.fixture
def key(tmp_path: Path) -> Ed25519PrivateKey:
    made = Ed25519PrivateKey.generate()
    (tmp_path / "desk.pem").write_bytes(made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return made


def signed(
    key: Ed25519PrivateKey,
    at: int,
    *,
    said: int | None = None,
    number: str = "1",
    sender: str = "DESK",
    target: str = "FIXGW",
) -> bytes:
    """A Logon sent at that time, or said to be sent then, signed for sender, target and number as given."""
    text = f"A\x01{sender}\x01{target}\x01{number}\x01{utc_timestamp(at)}".encode()
    signature = base64.b64encode(key.sign(text)).decode()
    sending_time = (52, utc_timestamp(said or at))
    return fix("A", sending_time, (98, "0"), (108, "30"), (95, str(len(signature))), (96, signature))


def later() -> Iterator[int]:
    """Times near now, each in a millisecond of its own."""
    return (time.time_ns() + number * 10_000_000 for number in count(1))


async def test_a_signed_logon_gets_in_once(
    settings: FrontSettings, engine: Engine, key: Ed25519PrivateKey, tmp_path: Path, log: list[str]
) -> None:
    policy = replace(session("DESK"), logon=SignatureLogon((tmp_path / "desk.pem",), window_seconds=5))
    async with running(with_backend(settings, sessions=(policy,))) as front:
        times = later()
        message = signed(key, next(times))
        assert (await answer(front, engine, message)).get(35) == b"A"
        assert (await answer(front, engine, message)).get(58) == b"not authorized"
        assert any("a replay?" in line for line in log)
        stranger = Ed25519PrivateKey.generate()
        assert (await answer(front, engine, signed(stranger, next(times)))).get(35) == b"3"
        (tmp_path / "desk.pem").write_bytes(
            stranger.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        front.reload()
        assert (await answer(front, engine, signed(key, next(times)))).get(35) == b"3"
        assert (await answer(front, engine, signed(stranger, next(times)))).get(35) == b"A"
        (tmp_path / "desk.pem").write_text("nothing")
        front.reload()
        assert any("public keys not reloaded" in line for line in log)
        assert (await answer(front, engine, signed(stranger, next(times)))).get(35) == b"A"
        with pytest.raises(FrontError, match=r"public key .*desk.pem"):
            Front(front._settings)


async def test_a_key_that_is_withdrawn_is_so_whatever_another_session_s_file_is_like(
    settings: FrontSettings, key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes((tmp_path / "desk.pem").read_bytes())
    both = tuple(
        replace(session(name), logon=SignatureLogon((tmp_path / file,), window_seconds=60))
        for name, file in (("DESK01", "other.pem"), ("DESK", "desk.pem"))
    )
    check = Credentials(with_backend(settings, sessions=both))
    (tmp_path / "other.pem").write_text("nothing")
    another = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "desk.pem").write_bytes(another.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(PublicKeyError, match=r"^FIX.4.4:FIXGW->DESK01: public key .*other.pem"):
        check.reload()
    times = later()
    for policy, refused in zip(both, (False, True), strict=True):
        logon = take_logon(signed(key, next(times)), 4096)
        assert logon is not None
        with pytest.raises(Refused, match="no signature") if refused else nullcontext():
            await check.check(policy, logon, ip_address("192.0.2.1"))
    check.close()


SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda key: signed(key, START + 6 * SECOND), "in"),
        (lambda key: signed(key, START + 2 * SECOND), "SendingTime"),
        (lambda key: signed(key, START + 12 * SECOND), "SendingTime"),
        (lambda key: signed(key, START + 6 * SECOND, number="2"), "no signature"),
        (lambda key: signed(key, START + 6 * SECOND, sender="EVE"), "no signature"),
        (lambda key: signed(key, START + 6 * SECOND, target="EVE"), "no signature"),
        (lambda key: signed(key, START + 6 * SECOND, said=START + 6 * SECOND + 1_000_000), "no signature"),
        (lambda key: fix("A", (52, utc_timestamp(START + 6 * SECOND))), "no signature"),
        (lambda key: fix("A", (52, utc_timestamp(START + 6 * SECOND)), (95, "3"), (96, "é!")), "no signature"),
        (lambda key: fix("A", (52, "20270115-08:00:99")), "SendingTime"),
        (lambda key: fix("A", (52, "yesterday")), "SendingTime"),
        (lambda key: fix("A"), "SendingTime"),
    ],
)
def test_what_is_signed_cannot_be_changed(
    key: Ed25519PrivateKey, tmp_path: Path, make: Callable[[Ed25519PrivateKey], bytes], reason: str
) -> None:
    now = START
    check = SignatureCheck(lambda: now)
    now = START + 7 * SECOND
    logon = take_logon(make(key), 4096)
    assert logon is not None
    keys = load_keys([tmp_path / "desk.pem"])
    if reason == "in":
        check.check(keys, 4, logon)
        reason = "a replay"
    with pytest.raises(Refused, match=reason):
        check.check(keys, 4, logon)


def test_what_was_signed_before_the_start_is_refused(key: Ed25519PrivateKey, tmp_path: Path) -> None:
    check = SignatureCheck(lambda: START)
    logon = take_logon(signed(key, START - SECOND), 4096)
    assert logon is not None
    with pytest.raises(Refused, match="a replay"):
        check.check(load_keys([tmp_path / "desk.pem"]), 4, logon)


def test_other_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PublicKeyError, match="absent"):
        load_keys([tmp_path / "absent.pem"])
