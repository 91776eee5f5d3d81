"""Connections to the engine's socket by another user are ended, ours are not."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.engine.private_socket import private_listener
from gateway.fix.strangers import shut_out_strangers
from tests.fixtures.other_user import NOBODY, connected_as, needs_root


@pytest.fixture
def open_directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def test_another_user_is_told_from_us(tmp_path: Path) -> None:
    listener = private_listener(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(tmp_path / "s"))
        accepted, _ = listener.accept()
        assert shut_out_strangers(tmp_path / "other") is False
        assert shut_out_strangers(tmp_path / "s") is False
        visitor.sendall(b"x")
        assert accepted.recv(1) == b"x"
        assert shut_out_strangers(tmp_path / "s", our_user=os.geteuid() + 1) is True
        assert visitor.recv(1) == b""
        assert accepted.fileno() >= 0  # left to its owner to close
    accepted.close()
    listener.close()


@needs_root
def test_a_real_other_user_is_kept_out_by_the_mode_and_by_the_check(open_directory: Path) -> None:
    path = open_directory / "s"
    listener = private_listener(path)
    with connected_as(NOBODY, path) as visitor:
        assert visitor is None
    path.chmod(0o777)
    with connected_as(NOBODY, path) as visitor, listener.accept()[0] as accepted:
        assert visitor is not None
        assert shut_out_strangers(path) is True
        assert accepted.recv(1) == b""
        assert visitor.recv(1) == b""
    listener.close()
