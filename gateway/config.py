"""The configuration: one TOML file for every process. Unknown keys are refused; errors name the key and the file."""

import grp
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, IPvAnyNetwork, ValidationError, field_validator, model_validator

from gateway.config_audit import AuditConfig
from gateway.config_balances import BalancesConfig
from gateway.config_clock import ClockConfig
from gateway.config_compliance import ComplianceConfig
from gateway.config_front import FrontConfig, LogonConfig, check_certificates
from gateway.config_limits import FlattenConfig, GivenLimit, LimitsConfig, RiskConfig, ScopedLimitsConfig, given_limits
from gateway.config_problems import problems
from gateway.config_retention import RetentionConfig
from gateway.config_schedule import ScheduleConfig
from gateway.config_section import Section
from gateway.config_throttle import ThrottleConfig
from gateway.config_wire import WireLogConfig
from gateway.domain.session_names import find_session, session_key
from gateway.domain.totals import Scope
from gateway.errors import ConfigError
from gateway.wire.versions import Version, transport

_ModelT = TypeVar("_ModelT", bound=Section)

# QuickFIX builds file names and an INI file of them.
CompId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


class DatabaseConfig(Section):
    """url: sqlite:///path, relative to the working directory, or postgresql://user@host/name.

    The password of a server is not written here: it comes from the environment, FIXGW_DATABASE_PASSWORD.
    """

    url: str = "sqlite:///var/gateway.db"

    @field_validator("url")
    @classmethod
    def _is_of_a_database_without_password(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("write sqlite:///path or postgresql://user@host/name")
        parts = urlsplit(url)
        if parts.password or "password" in parts.query.lower():
            raise ValueError(
                "write it without the password, which belongs into the environment: FIXGW_DATABASE_PASSWORD,"
                " or FIXGW_DATABASE_PASSWORD_FILE with the path of a file that holds it"
            )
        return url


class EngineConfig(Section):
    """directory: socket and cache of the engine; deleting it while stopped loses nothing but emergency cancels that no
    start has imported yet.

    recv_window_ms: how long after its timestamp the venue may accept a request.
    day_end: when DAY orders end, HH:MM:SS in UTC.
    reconcile_seconds: how often books and venue are compared, beside each start and reconnect; 0: only then.
    lease_seconds: PostgreSQL alone: another host may take over when the engine has been away for so long.
    orphans: what becomes of open orders at the venue that carry our prefix and are not in the books.
    most_waiting: how many messages of one session may wait for the engine before its new orders are refused.
    most_waiting_bytes: how much of one session may wait until the front reads it no more, cancels neither, for a while;
    an average message counts some 1,200.
    emergency_cancel: whether there is a watchdog process, which cancels all open orders when SQL or the engine is lost.
    hang_seconds: how long the engine may give no sign of progress before it counts as lost; 0: for ever.
    absent_seconds: how long after its death another must be at work, or it counts as lost; 0: for ever.
    control_group: a group of the host whose members may use the control socket, for what looks, stops and arms.
    cpu: the one CPU of the host that the engine runs on, by its number; left out: the host chooses all the time.
    cpu_latency_us: the longest that a CPU of the host may take to wake up, all of them; left out: the host decides.
    """

    directory: Path = Path("var")
    recv_window_ms: Annotated[int, Field(ge=100, le=60_000)] = 5_000
    day_end: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$")] = "00:00:00"
    heart_bt_int_min: Annotated[int, Field(ge=1)] = 5
    heart_bt_int_max: Annotated[int, Field(le=3600)] = 300
    reconcile_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    lease_seconds: Annotated[int, Field(ge=3, le=300)] = 15
    orphans: Literal["keep", "cancel"] = "keep"
    most_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    most_waiting_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 30)] = 16 << 20
    emergency_cancel: bool = True
    hang_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    absent_seconds: Annotated[int, Field(ge=0, le=86_400)] = 180
    control_group: str | None = None
    cpu: Annotated[int, Field(ge=0)] | None = None
    cpu_latency_us: Annotated[int, Field(ge=0, le=1_000_000)] | None = None

    @field_validator("control_group")
    @classmethod
    def _group_exists(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                grp.getgrnam(name)
            except KeyError:
                raise ValueError("the host has no such group") from None
        return name

    @model_validator(mode="after")
    def _some_interval_is_allowed(self) -> Self:
        if self.heart_bt_int_min > self.heart_bt_int_max:
            raise ValueError(
                f"heart_bt_int_min ({self.heart_bt_int_min}) is above heart_bt_int_max ({self.heart_bt_int_max})"
            )
        return self

    @property
    def socket(self) -> Path:
        """Where the front finds the engine."""
        return self.directory / "engine.sock"

    @property
    def control_socket(self) -> Path:
        """Where operators' commands find the engine."""
        return self.directory / "control.sock"

    @property
    def control_gid(self) -> int | None:
        """The number of control_group."""
        return grp.getgrnam(self.control_group).gr_gid if self.control_group is not None else None


class LogConfig(Section):
    """level, and whether each line is a JSON object."""

    level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    json_lines: bool = False
    file: Path | None = None


class VenueAccountConfig(Section):
    """One account at a venue, with a key of its own in the environment (see the README for the variables' names).

    settings: what the venue's adapter understands; it checks them itself.
    exclusive: nobody and nothing else trades there, so that the kill switch may have the venue cancel everything in a
    symbol by one request. Other people's orders would be canceled too.
    balances: how they are compared with the books.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
    venue: str = "binance"
    exclusive: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)
    balances: BalancesConfig = BalancesConfig()


class AccountConfig(Section):
    """A client account, as Account(1) names it."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
    venue_account: str
    limits: LimitsConfig = LimitsConfig()


class SessionConfig(Section):
    """One FIX session. sender_comp_id is the gateway's id as we send it, target_comp_id the client's.

    begin_string: the version. FIX.5.0SP2 is carried by FIXT.1.1, which is what BeginString(8) says then.
    test: its orders are tests and never reach a live venue: where the environment is live it cannot log on.
    timestamp_precision: digits after the second in what we send, 3, 6 or 9; any are read. `fixgw replay derive`
      takes it as it is now: reports that were made with another one are named as different.
    cancel_on_disconnect: which end of a connection has the session's open orders canceled, after the grace period,
    which begins again with the engine: a lost connection, a Logout(5) of its own or by its schedule, or both.
    drop_copy_of, drop_copy_accounts: of a session that only listens, instead of accounts: the sessions (by CompID, or
    whole as in `fixgw sessions`) and the accounts whose ExecutionReports it gets.
    cancel_accounts: whose orders it may cancel by OrderMassCancelRequest(q), whichever session they came by.
    allow_from: the networks it may connect from; none given: from anywhere.
    client_certificates: those it may be used with, each a subject (CN=desk,O=Firm) or sha256: and a fingerprint.
    logon: what a Logon(A) must prove; left out: nothing.
    max_order_age_seconds: an order or replace whose OrigSendingTime(122) or TransactTime(60) is older is refused. For
      a replace that waits for the venue no order is placed later than this; left out: later than 60 s. At least
      5: many clients write whole seconds, and a venue that answers after two would cost each replaced order its life.
    throttle: how many messages it may send in a time; left out: any.
    schedule: when it is open; none given: always, and its numbers begin anew only when someone resets them.
    """

    begin_string: Version = "FIX.4.4"
    sender_comp_id: CompId = "FIXGW"
    target_comp_id: CompId
    accounts: tuple[str, ...] = ()
    drop_copy_of: tuple[str, ...] = ()
    drop_copy_accounts: tuple[str, ...] = ()
    cancel_accounts: tuple[str, ...] = ()
    test: bool = False
    timestamp_precision: Literal[3, 6, 9] = 3
    report_pending_new: bool = False
    immediate_remainder: Literal["canceled", "expired"] = "canceled"
    cancel_on_disconnect: Literal["none", "disconnect", "logout", "both"] = "none"
    cancel_on_disconnect_grace_seconds: Annotated[int, Field(ge=0, le=86_400)] = 10
    max_order_age_seconds: Annotated[int, Field(ge=5, le=86_400)] | None = None
    schedule: ScheduleConfig | None = None
    throttle: ThrottleConfig | None = None
    limits: LimitsConfig = LimitsConfig()
    allow_from: tuple[IPvAnyNetwork, ...] = ()
    client_certificates: tuple[str, ...] = ()
    logon: LogonConfig | None = None

    @model_validator(mode="after")
    def _trades_or_listens(self) -> Self:
        if self.is_drop_copy and (self.accounts or self.cancel_accounts):
            raise ValueError(
                f"accounts: session {self.target_comp_id!r} is a drop copy (drop_copy_of, drop_copy_accounts), "
                "which neither trades nor cancels: leave accounts and cancel_accounts out"
            )
        if not self.is_drop_copy and not self.accounts:
            raise ValueError(f"accounts: session {self.target_comp_id!r} names none; it needs one at least")
        return self

    @property
    def is_drop_copy(self) -> bool:
        """Whether it only listens."""
        return bool(self.drop_copy_of or self.drop_copy_accounts)

    @property
    def key(self) -> str:
        """The SessionID as QuickFIX writes it."""
        return session_key(transport(self.begin_string), self.sender_comp_id, self.target_comp_id)


class Config(Section):
    """The whole file. deployment: the prefix of venue client order ids, by which orphans are recognised."""

    environment: Literal["sim", "testnet", "live"]
    deployment: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}$")]
    database: DatabaseConfig = DatabaseConfig()
    front: FrontConfig = FrontConfig()
    engine: EngineConfig = EngineConfig()
    log: LogConfig = LogConfig()
    clock: ClockConfig = ClockConfig()
    wire_log: WireLogConfig = WireLogConfig()
    audit: AuditConfig = AuditConfig()
    compliance: ComplianceConfig = ComplianceConfig()
    retention: RetentionConfig = RetentionConfig()
    venue_accounts: Annotated[tuple[VenueAccountConfig, ...], Field(min_length=1)]
    accounts: Annotated[tuple[AccountConfig, ...], Field(min_length=1)]
    sessions: Annotated[tuple[SessionConfig, ...], Field(min_length=1)]
    risk: RiskConfig = RiskConfig()
    flatten: FlattenConfig = FlattenConfig()
    limits: tuple[ScopedLimitsConfig, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        # Their keys are in variables that carry the name in upper case: names that differ in case share a key.
        _unique("venue_accounts.name, in upper case", [v.name.upper() for v in self.venue_accounts])
        _unique("accounts.name", [a.name for a in self.accounts])
        # As QuickFIX names a session's files: ("X", "A-B") and ("X-A", "B") would share them.
        _unique("sessions", [f"{s.begin_string}-{s.sender_comp_id}-{s.target_comp_id}" for s in self.sessions])
        venue_accounts = {v.name for v in self.venue_accounts}
        for account in self.accounts:
            if account.venue_account not in venue_accounts:
                raise ValueError(
                    f"accounts.venue_account: {account.venue_account!r} of account {account.name!r} is not among "
                    f"venue_accounts: {sorted(venue_accounts)}"
                )
        accounts = {a.name for a in self.accounts}
        for session in self.sessions:
            unknown = [
                name
                for name in (*session.accounts, *session.cancel_accounts, *session.drop_copy_accounts)
                if name not in accounts
            ]
            if unknown:
                raise ValueError(
                    f"sessions.accounts, cancel_accounts or drop_copy_accounts: {unknown} of session "
                    f"{session.target_comp_id!r} not among accounts: {sorted(accounts)}"
                )
        self._copies_fit()
        self._limits_fit(accounts)
        if not self.front.shared:  # else it is the shared front that asks for them
            check_certificates(self.front.tls, self.certificates)
        return self

    def _copies_fit(self) -> None:
        trading = [s.key for s in self.sessions if not s.is_drop_copy]
        for session in self.sessions:
            for name in session.drop_copy_of:
                try:
                    find_session(name, trading)
                except ValueError as error:
                    raise ValueError(f"sessions.drop_copy_of of session {session.target_comp_id!r}: {error}") from error

    def _limits_fit(self, accounts: set[str]) -> None:
        sessions = {s.target_comp_id for s in self.sessions}
        for table in self.limits:
            if table.account and table.account not in accounts:
                raise ValueError(f"limits.account: {table.account!r} is not among accounts: {sorted(accounts)}")
            if table.session and table.session not in sessions:
                raise ValueError(f"limits.session: {table.session!r} is not among sessions: {sorted(sessions)}")
        _unique("limits, of one scope", [f"{g.code} {' '.join(g.scope)}" for g in self.all_limits()])

    @property
    def is_live(self) -> bool:
        """Whether orders reach a venue that trades real money."""
        return self.environment == "live"

    @property
    def certificates(self) -> list[tuple[str, tuple[str, ...]]]:
        """The client certificates that each session names, by its client's CompID."""
        return [(s.target_comp_id, s.client_certificates) for s in self.sessions]

    @property
    def test_sessions(self) -> frozenset[str]:
        """By their keys, those whose orders are tests."""
        return frozenset(s.key for s in self.sessions if s.test)

    @property
    def timestamp_precisions(self) -> dict[str, int]:
        """Digits after the second in what is sent, by session."""
        return {s.key: s.timestamp_precision for s in self.sessions}

    @property
    def front_socket(self) -> Path:
        """Where the front tells who is connected."""
        return self.front.control_socket or self.engine.directory / "front.sock"

    @property
    def wire_log_directory(self) -> Path:
        """Where the wire log's segments are."""
        return self.wire_log.directory or self.engine.directory / "wire"

    @property
    def audit_directory(self) -> Path:
        """Where copies of the seals go."""
        return self.audit.directory or self.engine.directory / "audit"

    @property
    def access_log(self) -> Path:
        """Where it is written who read the record."""
        return self.compliance.access_log or self.engine.directory / "access.jsonl"

    def all_limits(self) -> list[GivenLimit]:
        """Those of accounts and sessions, and those of any scope."""
        found = [g for a in self.accounts for g in given_limits(Scope(account=a.name), a.limits)]
        found += [g for s in self.sessions for g in given_limits(Scope(session=s.target_comp_id), s.limits)]
        return found + [g for table in self.limits for g in given_limits(table.scope, table)]


def _unique(what: str, names: list[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{what}: given twice: {sorted(twice)}")


def load_config(path: Path) -> Config:
    """Read and check the file.

    Raises ConfigError naming the file, every key that is wrong, its value and what is allowed.
    """
    data = read_toml(path)
    if "gateways" in data:
        raise ConfigError(f"{path}: gateways: this is the file of a shared front; give one of the gateways named there")
    return checked(Config, path, data)


def read_toml(path: Path) -> dict[str, Any]:
    """What the file says, unchecked. Raises ConfigError naming the file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def checked(model: type[_ModelT], path: Path, data: Mapping[str, Any]) -> _ModelT:
    """As the model has it. Raises ConfigError as load_config does."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems(error, model))) from error
