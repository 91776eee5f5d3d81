"""PostgreSQL's own dump tools, run as programs, and what to do where they are of another version than the server."""

import os
import re
import shutil
import subprocess

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigError
from gateway.store.dialects import make_engine

_VERSION = re.compile(r"\d+(\.\d+)*")


def run_tool(tool: str, arguments: list[str], url: URL, *, connects: bool = True) -> str:
    """What it prints. connects: it is told the database's URL. Raises ConfigError when it is missing or fails."""
    path = shutil.which(tool)
    if path is None:
        raise ConfigError(
            f"{tool} is not on this machine: install PostgreSQL's client programs, at least of the server's version"
        )
    env = dict(os.environ)
    if connects:
        if url.password:
            env["PGPASSWORD"] = str(url.password)
        plain = url.set(drivername="postgresql")._replace(password=None).render_as_string()
        arguments = [f"--dbname={plain}", *arguments]
    done = subprocess.run([path, *arguments], capture_output=True, text=True, env=env, check=False)  # noqa: S603 -- PostgreSQL's own tools
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise ConfigError(f"{tool} failed: {said}{version_hint(said, tool, _version_of(path), _server_version(url))}")
    return done.stdout


def version_hint(said: str, tool: str, own: str, server: str) -> str:
    """What to do about the versions; empty where they fit. They are compared: words of tools are in any language."""
    mine, its = (int(version.split(".")[0]) if version else None for version in (own, server))
    if mine is None or its is None:
        wanted = "at least of the server's version" if "version" in said else ""
    elif mine < its:
        wanted = "at least of the server's version"
    elif mine > its:
        wanted = "of the server's version" if tool == "pg_restore" else ""  # pg_dump reads older servers
    else:
        wanted = "of the pg_dump that made the backup, a later one" if "unsupported version" in said else ""
    if not wanted:
        return ""
    return (
        f"; {tool} has version {own or 'unknown'}, the server {server or 'unknown'}: "
        f"install PostgreSQL's client programs {wanted}"
    )


def _version_of(path: str) -> str:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 -- as above
    except (OSError, subprocess.SubprocessError):
        return ""
    return _number(done.stdout)


def _server_version(url: URL) -> str:
    """Empty where it does not answer."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return _number(str(connection.exec_driver_sql("SHOW server_version").scalar_one()))
    except DBAPIError:
        return ""
    finally:
        engine.dispose()


def _number(text: str) -> str:
    found = _VERSION.search(text)
    return found[0] if found else ""
