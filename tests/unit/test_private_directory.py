"""The engine's directory is for its user, and for a group that was chosen."""

import os
from pathlib import Path

from gateway.engine.lock import hold
from gateway.engine.private_directory import make_private_directory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_for_us_alone(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "new" / "run")
    assert mode(tmp_path / "new" / "run") == 0o700
    hold(tmp_path / "other" / "engine.lock", "the directory").close()
    assert mode(tmp_path / "other") == 0o700


def test_a_group_may_pass_through_it(tmp_path: Path) -> None:
    group = os.getgid()
    make_private_directory(tmp_path / "run", group)
    assert (mode(tmp_path / "run"), (tmp_path / "run").stat().st_gid) == (0o710, group)


def test_the_operator_s_choice_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_directory(tmp_path)
    assert mode(tmp_path) == 0o755
