"""The one place that wires: configuration in, a running engine process out."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TextIO

from loguru import logger

from gateway.config import Config, SessionConfig
from gateway.configured import accounts_of, configured_of, drop_copies_of, profile_of, throttles_of
from gateway.control.front_link import FrontLink
from gateway.control.server import ANSWER_S, ControlServer
from gateway.engine.backlog import Backlog
from gateway.engine.clients import Clients
from gateway.engine.clock import SystemClock, seconds_of_day
from gateway.engine.desk import Desk
from gateway.engine.disconnects import Disconnects
from gateway.engine.drain import Drainer
from gateway.engine.earlier_orders import earlier_order, was_refused
from gateway.engine.emergency import imported, left_to_import, read_aftermaths
from gateway.engine.flattening import Flattening
from gateway.engine.gaps import Gaps
from gateway.engine.halting import Halt
from gateway.engine.handover import Handover, find_watchdog, hand_over
from gateway.engine.host_clock import HostClockWatch
from gateway.engine.inbox import EmergencyOver, Inbox, LogonsAccepted, SignOfLife, StopRequested
from gateway.engine.key_reloads import KeyReloads
from gateway.engine.kill_switch import KillSwitch
from gateway.engine.lease import Lease, take_lease_of
from gateway.engine.limits import LimitSetter
from gateway.engine.lock import hold
from gateway.engine.loop import Engine
from gateway.engine.mass import MassRequests
from gateway.engine.opening import OpeningPositions
from gateway.engine.operator import Operator
from gateway.engine.owners import Owners
from gateway.engine.pulse import Pulse, pulse_socket
from gateway.engine.recorder import Recorder
from gateway.engine.records import ClockLimits
from gateway.engine.recovery import recover
from gateway.engine.rejected_messages import RejectedMessages
from gateway.engine.schedules import Schedules
from gateway.engine.session_actions import SessionActions
from gateway.engine.session_use import SessionUse
from gateway.engine.symbol_names import SymbolNames
from gateway.engine.test_orders import TestOrders
from gateway.engine.throttle import Throttle
from gateway.engine.timers import timers_of
from gateway.engine.trusted_time import TrustedTime
from gateway.engine.withdrawals import Withdrawals
from gateway.fix.acceptor import Acceptor, SessionSettings
from gateway.fix.application import GatewayApplication
from gateway.fix.codec import Codec
from gateway.fix.hydrate import fresh_directory, hydrate_all
from gateway.fix.sender import make_sender
from gateway.fix.session_control import SessionControl
from gateway.fix.strangers import shut_out_strangers
from gateway.reconciling import reconciler_of
from gateway.store import readers
from gateway.store.database import database_file, instance_of, open_database
from gateway.store.dialects import one_moment
from gateway.store.emergencies import emergencies_in
from gateway.store.owners import owners_in
from gateway.store.rows import MessageRow, ReportRow
from gateway.store.writer import BatchWriter
from gateway.venue_wiring import mass_cancels_of, venues_of
from gateway.venues.fork import VenueProcess
from gateway.venues.link import VenueLink

_STOP_TIMEOUT_S = 30.0
_WATCHDOG_ENDS_S = 20.0  # more than it goes on after an engine has come
_IMPORT_S = 30.0


class EngineProcess:
    """The engine with everything around it, built but not started."""

    _pulse: Pulse | None = None

    def __init__(
        self,
        config: Config,
        venue_process: VenueProcess,
        *,
        on_halt: Callable[[BaseException], None],
        go_on: Callable[[float], bool],
    ) -> None:
        """Opens the database and reads the state. Raises ConfigError for what the configuration got wrong.

        go_on: waits so many seconds, and says whether to, where another engine's lease has to run out first.
        """
        self._config = config
        clock = SystemClock()
        day_end = seconds_of_day(config.engine.day_end)
        self._inbox = Inbox(Backlog(config.engine.most_waiting_bytes))
        self._lease: Lease | None = None
        halt = Halt(on_halt)
        self._owners = Owners(self._inbox.put)
        self._venues = VenueLink(
            venue_process,
            self._inbox.put,
            owner=self._owners.problem,
            on_death=halt,
            deadline=lambda: None if self._lease is None else self._lease.deadline,
        )
        self._locks = _locks(config)  # before anything of a running engine is touched
        self._database = open_database(config.database.url, config.environment, config.deployment)
        self._lease = take_lease_of(
            self._database, self._locks[0], config.engine.directory, config.engine.lease_seconds, halt, go_on
        )
        state = recover(self._database, configured_of(config), clock, day_end)
        venues = venues_of(config, self._venues, state.book)
        codec = Codec(config.timestamp_precisions)
        copies = drop_copies_of(config)
        recorder = Recorder(
            book=state.book,
            sessions=state.sessions,
            codec=codec,
            venue=venues,
            recv_window_ms=config.engine.recv_window_ms,
            position=state.position,
            report_id=state.report_id,
            drop_copies=copies,
            instruments=state.instruments,
        )
        recorder.batch.limits += state.new_limits
        _tell_set_aside(state.limits_set_aside)
        accounts = accounts_of(config)
        profiles = {s.key: profile_of(s, accounts) for s in config.sessions if not s.is_drop_copy}
        mass_cancels = mass_cancels_of(config, venues, state.book, recorder.alert_now(clock))
        desk = Desk(
            book=state.book,
            recorder=recorder,
            venue=venues,
            profiles=profiles,
            accounts=accounts,
            clock=clock,
            deployment=config.deployment,
            instance=instance_of(self._database),
            day_end_seconds=day_end,
            recovering=state.unsettled,
            unreconciled={a.name for a in config.venue_accounts},
            earlier=partial(earlier_order, self._database),
            was_refused=partial(was_refused, self._database),
            exclusive=mass_cancels.exclusive,
        )
        reconciler = reconciler_of(config, state, accounts, desk, recorder, venues, clock, mass_cancels.exclusive)
        trusted = TrustedTime(clock, recorder.alert_now(clock), reconciler.clock_jumped)
        self._disconnects = Disconnects(profiles, state.sessions)
        withdrawals = Withdrawals(desk, recorder, self._disconnects)
        settings = [_session_settings(s) for s in config.sessions]
        store = config.engine.directory / "quickfix"
        ids = {s.session_id.toString(): s.session_id for s in settings}
        self._session_control = SessionControl(ids, store, config.engine.socket, self._inbox.put)
        session_actions = SessionActions(
            states=state.sessions, fix=self._session_control, clock=clock, unsent=self._unsent
        )
        schedules = Schedules(
            {s.key: s.schedule.schedule() for s in config.sessions if s.schedule is not None},
            states=state.sessions,
            actions=session_actions,
            clock=clock,
            is_doubted=lambda: trusted.is_doubted,
        )
        schedules.roll_missed(self._unsent)
        self.drainer = Drainer(state.book, state.sessions, clock, schedules.refusal)
        self._front_link = FrontLink(
            config.front_socket,
            self._inbox.put,
            self._inbox.backlog,
            Gaps(self._session_control.expected, self._inbox.put, session_actions.throw_out),
        )
        throttle = Throttle(throttles_of(config), session_actions.throw_out)
        self._control = ControlServer(
            config.engine.control_socket,
            self._inbox.put,
            sessions=SessionUse(ids, throttle, self._inbox.backlog, clock),
            answer_s=ANSWER_S + config.flatten.within_seconds,
            group=config.engine.control_gid,
        )
        self._host_clock = HostClockWatch(self._inbox.put, config.clock.every_seconds)
        handover = self._watched() if config.engine.emergency_cancel else None
        self._aftermaths = left_to_import(
            read_aftermaths(config.engine.directory, _WATCHDOG_ENDS_S), emergencies_in(self._database)
        )
        self._engine = Engine(
            inbox=self._inbox,
            desk=desk,
            recorder=recorder,
            clients=Clients(
                most_waiting=config.engine.most_waiting,
                throttle=throttle,
                order_refusal=lambda: self.drainer.order_refusal,
                drop_copies=copies.sessions,
                mass=MassRequests(
                    desk=desk,
                    recorder=recorder,
                    instruments=self._venues.instruments,
                    profiles=profiles,
                    was_done=self._was_mass_canceled,
                ),
                desk=desk,
                recorder=recorder,
                codec=codec,
                sessions=state.sessions,
                disconnects=self._disconnects,
                test_orders=TestOrders(live=config.is_live, test_sessions=config.test_sessions),
                rejected=RejectedMessages(recorder, state.sessions, self._sent_message),
            ),
            sessions=state.sessions,
            writer=BatchWriter(self._database, self._lease.fence if self._lease is not None else None),
            venue=venues,
            timers=timers_of(state.book.orders.values(), day_end, clock.now(), trusted.at),
            reconciler=reconciler,
            withdrawals=withdrawals,
            operator=Operator(
                recorder=recorder,
                sessions=session_actions,
                reconciler=reconciler,
                limits=LimitSetter(
                    state.book.risk, recorder.batch, accounts, {s.target_comp_id for s in config.sessions}
                ),
                positions=OpeningPositions(
                    recorder=recorder,
                    reconciler=reconciler,
                    venue=venues,
                    accounts=accounts,
                    currency=config.risk.currency,
                    clock=clock,
                ),
                kill_switch=KillSwitch(
                    withdrawals=withdrawals,
                    recorder=recorder,
                    reconciler=reconciler,
                    flattening=Flattening(
                        desk=desk,
                        recorder=recorder,
                        accounts=accounts,
                        rules=config.flatten.rules(),
                        clock=clock,
                    ),
                    mass_cancels=mass_cancels,
                    accounts=accounts,
                    venues={v.name: v.venue for v in config.venue_accounts},
                    sessions=list(profiles),
                    clock=clock,
                    prefix=config.deployment + "-",
                ),
                drainer=self.drainer,
                front=self._front_link,
                symbols=SymbolNames(state.book, venues.symbols),
                owners=self._owners,
                keys=KeyReloads({a.name for a in config.venue_accounts}, venues.reload_keys),
                last_action_id=state.action_id,
                cut_short=state.kills_cut_short,
            ),
            mass_cancels=mass_cancels,
            schedules=schedules,
            clock=clock,
            unsent=self._unsent,
            on_halt=halt,
            working=halt.working,
            check_lease=self._check_lease,
            clock_limits=ClockLimits(*config.clock.limits_ns),
            clock_read=trusted.clock_read,
        )
        self._application = GatewayApplication(
            put=self._inbox.put,
            sent=self._engine.sent,
            sessions=state.sessions,
            heart_bt_int=(config.engine.heart_bt_int_min, config.engine.heart_bt_int_max),
            halt=on_halt,  # on QuickFIX's own thread, which is the one that says goodbye
            check_lease=self._check_lease,
            logon_refusal=self.drainer.refusal,
            live=config.is_live,
            test_sessions=config.test_sessions,
            gap_opened=self._front_link.gap_opened,
            shut_out_strangers=partial(shut_out_strangers, config.engine.socket),
        )
        fresh_directory(store)
        hydrate_all(store, [s.session_id for s in settings], self._database, state.sessions, clock.now())
        self._acceptor = Acceptor(self._application, settings, store)
        self._numbers = {key: (found.next_in, found.next_out) for key, found in state.sessions.items()}
        halt.farewell = self._acceptor.say_goodbye
        halt.hand_over = partial(hand_over, handover, recorder, self._check_lease, self._owners.known)
        self._sender = make_sender(self._application, settings)

    def _check_lease(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def _unsent(self, session: str, after_report_id: int) -> list[ReportRow]:
        with one_moment(self._database) as connection:
            return readers.unsent_reports(connection, session, after_report_id)

    def _sent_message(self, session: str, epoch: int, msg_seq_num: int) -> MessageRow | None:
        with one_moment(self._database) as connection:
            return readers.sent_message(connection, session, epoch, msg_seq_num)

    def _was_mass_canceled(self, session: str, cl_ord_id: str, since: int) -> bool:
        with one_moment(self._database) as connection:
            return readers.was_mass_canceled(connection, session, cl_ord_id, since)

    def start(self) -> None:
        """Begin to work. Clients can log on at once; orders are taken when their venue is ready."""
        emergencies = [EmergencyOver(aftermath) for aftermath in self._aftermaths]
        for emergency in emergencies:
            self._inbox.put(emergency)
        self._engine.start(self._sender)
        for emergency in emergencies:
            if emergency.done.wait(_IMPORT_S):
                imported(emergency.aftermath.path)
            else:
                logger.error("emergency cancels are not in SQL yet, and stay in {}", emergency.aftermath.path)
        self._owners.load(owners_in(self._database))
        self._venues.start()
        self._acceptor.start(self._config.engine.socket, self._numbers)
        self._inbox.put(LogonsAccepted(time.time_ns()))
        self._session_control.start()
        self._front_link.start()
        self._control.start()
        self._host_clock.start()
        if self._pulse is not None:
            self._pulse.start((self._sign_of_life, self._venues.sign_of_life), self._venues.keep_timers)
        # Which is which, for whoever looks at them from outside.
        logger.info("thread engine={} process venues={}", self._engine.thread_id, self._venues.pid)

    def _watched(self) -> Handover:
        handover = find_watchdog(self._config.engine.directory, self._inbox.put)
        number = self._lease.fence.fencing_number if self._lease is not None else 0
        self._pulse = Pulse(pulse_socket(self._config.engine.directory), number)
        self._pulse.connect()  # before the aftermath is read: an emergency that comes later kills us
        return handover

    def _sign_of_life(self) -> threading.Event:
        asked = SignOfLife()
        self._inbox.put(asked)
        return asked.done

    def reload_keys(self) -> None:
        """Have every venue account read its key again. What is wrong with one is alerted, and it keeps what it has."""
        logger.info("reloading venue keys")
        for account in self._config.venue_accounts:
            self._venues.reload_keys(account.name)

    def stop(self) -> bool:
        """Log clients out, write the last batch, close the venues; orders stay. Returns whether it ended in time."""
        if self._pulse is not None:
            self._pulse.stop()
        self._disconnects.retire()
        self._host_clock.stop()
        self._control.stop()
        self._front_link.stop()
        self._session_control.stop()
        self._acceptor.stop()
        self._venues.stop()
        self._inbox.put(StopRequested(self._acceptor.last_numbers))
        clean = self._engine.join(_STOP_TIMEOUT_S)
        if clean:
            self._acceptor.close()
            if self._lease is not None:
                self._lease.release()
        self._database.dispose()
        return clean


def _locks(config: Config) -> list[TextIO]:
    directory = config.engine.directory
    locks = [hold(directory / "engine.lock", f"engine.directory {directory}")]
    file = database_file(config.database.url)
    if file is not None:
        locks.append(hold(file.with_name(file.name + ".lock"), f"the database {file}"))
    return locks


def _tell_set_aside(limits: Sequence[str]) -> None:
    if limits:
        logger.warning("limits of the configuration that SQL has otherwise: {}", "; ".join(limits))


def _session_settings(session: SessionConfig) -> SessionSettings:
    return SessionSettings(
        session.begin_string, session.sender_comp_id, session.target_comp_id, session.timestamp_precision
    )
