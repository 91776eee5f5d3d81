"""The configuration of a front that several gateways share, and what must differ between these.

Each gateway has a file of its own, with `shared = true` in its [front], and is run by itself. The front has this file,
which names theirs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gateway.config import Config, LogConfig, checked, load_config, read_toml
from gateway.config_front import OF_EACH_GATEWAY, FrontConfig, check_certificates
from gateway.config_section import Section
from gateway.config_wire import WireLogConfig
from gateway.errors import ConfigError

_SQLITE = "sqlite:///"
_POSTGRESQL_PORT = 5432


class SharedFrontConfig(Section):
    """The whole file. gateways: the files of those that share this front, relative to the working directory, which is
    one for them all.

    directory: of this process. wire_log: of the connections that named no session of any gateway; all others are in
    their gateway's. Left out: `wire` in directory.
    """

    gateways: Annotated[tuple[Path, ...], Field(min_length=1)]
    directory: Path = Path("var/front")
    front: FrontConfig = FrontConfig()
    log: LogConfig = LogConfig()
    wire_log: WireLogConfig = WireLogConfig()

    @model_validator(mode="after")
    def _leaves_to_gateways_what_is_theirs(self) -> Self:
        theirs = self.front.model_fields_set & OF_EACH_GATEWAY
        if theirs:
            raise ValueError(f"front: {', '.join(sorted(theirs))}: belongs into the file of each gateway")
        return self


@dataclass(frozen=True, slots=True)
class SharedFront:
    """The file of a shared front, and those that it names, by their paths."""

    config: SharedFrontConfig
    gateways: dict[Path, Config]

    @property
    def wire_log_directory(self) -> Path:
        """Where connections that named no session are recorded."""
        return self.config.wire_log.directory or self.config.directory / "wire"

    @property
    def access_log(self) -> Path:
        """Where it is written who read that."""
        return self.config.directory / "access.jsonl"


def load_front(path: Path) -> Config | SharedFront:
    """Read and check the file of a gateway, or of a front that several share with all that it names.

    Raises ConfigError as load_config does.
    """
    data = read_toml(path)
    if "gateways" not in data:
        return load_config(path)
    config = checked(SharedFrontConfig, path, data)
    shared = SharedFront(config, {gateway: load_config(gateway) for gateway in config.gateways})
    found = list(_problems(path, shared))
    if found:
        raise ConfigError("\n".join(found))
    return shared


def gateways_of(loaded: Config | SharedFront) -> list[Config]:
    """The gateway whose file it is, or all that share the front."""
    return [loaded] if isinstance(loaded, Config) else list(loaded.gateways.values())


def _problems(path: Path, shared: SharedFront) -> Iterator[str]:
    """A line each, with the file and the key."""
    files = [str(file.resolve()) for file in shared.config.gateways]
    if twice := sorted({file for file in files if files.count(file) > 1}):
        yield f"{path}: gateways: given twice: {', '.join(twice)}"
        return
    for file, gateway in shared.gateways.items():
        if not gateway.front.shared:
            yield f"{file}: front.shared: must be true, since {path} has it among its gateways"
        try:
            check_certificates(shared.config.front.tls, gateway.certificates)
        except ValueError as error:
            yield f"{file}: {error} in {path}"
        own = {_file(shared.config.directory), _file(shared.wire_log_directory)}
        for key, names in (("engine.directory", _directory(gateway)), ("wire_log.directory", _wire_log(gateway))):
            for name in own.intersection(names):
                yield f"{file}: {key}: {name} is the shared front's own, see {path}"
    for (one, first), (other, second) in combinations(shared.gateways.items(), 2):
        if first.environment != second.environment:
            yield (
                f"{other}: environment: {second.environment!r}, but {one} is {first.environment!r}: "
                "gateways of one front are of one environment"
            )
        for key, names_of, why in _DIFFER:
            for name in dict.fromkeys(names_of(second)):
                if name in names_of(first):
                    yield f"{other}: {key}: {name} is in {one} as well: {why}"


def _file(path: Path) -> str:
    return str(path.resolve())


def _directory(config: Config) -> Sequence[str]:
    return [_file(config.engine.directory)]


def _wire_log(config: Config) -> Sequence[str]:
    return [_file(config.wire_log_directory)]


def _database(config: Config) -> Sequence[str]:
    """What is one database, however its URL is written: the user, and options, do not matter."""
    url = config.database.url
    if url.startswith(_SQLITE):
        return [_file(Path(url.removeprefix(_SQLITE).partition("?")[0]))]
    parts = urlsplit(url)
    return [f"{parts.hostname}:{parts.port or _POSTGRESQL_PORT}{parts.path}"]


_DIFFER: tuple[tuple[str, Callable[[Config], Sequence[str]], str], ...] = (
    ("sessions", lambda c: [s.key for s in c.sessions], "one engine alone owns a session"),
    ("deployment", lambda c: [c.deployment], "by it each tells its orders at the venue from those of others"),
    ("database.url", _database, "each has one of its own"),
    ("engine.directory", _directory, "each has one of its own"),
    ("front.control_socket", lambda c: [_file(c.front_socket)], "each has one of its own"),
    ("wire_log.directory", _wire_log, "each has one of its own"),
    ("audit.directory", lambda c: [_file(c.audit_directory)], "each has one of its own"),
    (
        "venue_accounts.name, in upper case",
        lambda c: [v.name.upper() for v in c.venue_accounts],
        "their keys are in variables of that name, and two engines would trade in one venue account",
    ),
    (
        "accounts.name",
        lambda c: [a.name for a in c.accounts],
        "its limits and positions would be counted in each alone",
    ),
)
"""Key by key, what no two gateways may have in common, and why."""
