"""The acceptance suite's fixtures, and the table it prints."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Mapping

import pytest

from gateway.client import FixClient
from gateway.compliance.audit.keys import KEY_VARIABLE, create_key
from tests.acceptance.injecting import InjectingGateway
from tests.acceptance.scenario import SYMBOL, Scenario
from tests.fixtures.processes import Exchange, Gateway

DIALECTS = ("DESK", "OMS42", "OMS50")
_EXPLICIT = 'report_pending_new = true\nimmediate_remainder = "expired"'
_LIMITED = """
[sessions.limits]
max_order_qty = "10"
max_order_notional = "2000"
max_position = "15"
max_open_orders = 3
"""
SESSIONS: Mapping[str, tuple[str, str]] = {
    "DESK": ("FIX.4.4", ""),
    "OMS42": ("FIX.4.2", ""),
    "OMS50": ("FIX.5.0SP2", ""),
    "EXPLICIT44": ("FIX.4.4", _EXPLICIT),
    "EXPLICIT42": ("FIX.4.2", _EXPLICIT),
    "LIMITED44": ("FIX.4.4", _LIMITED),
    "LIMITED42": ("FIX.4.2", _LIMITED),
}
_SCENARIO = pytest.StashKey[Scenario]()
_TABLE = "scenario"


def pytest_configure(config: pytest.Config) -> None:
    """Scenario ids are markers, so that one can be run by its id: pytest -m 'scenario("B.1.b")'."""
    config.addinivalue_line("markers", "scenario(id, title): a scenario of the order state change matrices")


# --- processes: one exchange and gateway for the folder, another pair for what must be put into the exchange's mouth


@pytest.fixture(scope="package")
def acceptance_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    process = Exchange(tmp_path_factory.mktemp("exchange")).start()
    yield process
    process.stop()


@pytest.fixture(scope="package")
def acceptance_gateway(tmp_path_factory: pytest.TempPathFactory, acceptance_exchange: Exchange) -> Iterator[Gateway]:
    process = Gateway(tmp_path_factory.mktemp("gateway"), acceptance_exchange.url, sessions=SESSIONS)
    process.start()
    yield process
    _is_derived(process)
    process.stop()


@pytest.fixture(scope="package")
def injected_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    process = Exchange(tmp_path_factory.mktemp("injected_exchange")).start()
    yield process
    process.stop()


@pytest.fixture(scope="package")
def injected_gateway(tmp_path_factory: pytest.TempPathFactory, injected_exchange: Exchange) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("injected")
    # What is put into the exchange's mouth is not what it does: no comparing of the two.
    process = InjectingGateway(
        directory,
        injected_exchange.url,
        sessions={name: SESSIONS[name] for name in DIALECTS},
        engine="reconcile_seconds = 0",
    )
    process.start()
    yield process
    _is_derived(process)
    process.stop()


def _is_derived(gateway: Gateway) -> None:
    """All that the scenarios left in SQL follows from the journal, and is what passed the wire."""
    key = gateway.directory / "audit.key"
    create_key(key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, str(key))
        for command in (("replay", "derive"), ("audit", "seal"), ("audit", "verify")):
            code, out, err = asyncio.run(gateway.fixgw(*command))
            assert code == 0, out + err


# --- scenarios


async def _scenario(
    request: pytest.FixtureRequest, exchange: Exchange, gateway: Gateway, comp_id: str
) -> AsyncIterator[Scenario]:
    await exchange.control("mode", symbol=SYMBOL, mode="manual")
    client: FixClient = gateway.client(comp_id)
    await client.connect()
    await client.ping()
    client.drain()  # what a scenario that failed before left behind
    scenario = Scenario(client, exchange, gateway)
    request.node.stash[_SCENARIO] = scenario
    try:
        yield scenario
    finally:
        await exchange.control("release")
        await client.logout()


@pytest.fixture(params=DIALECTS)
async def s(
    request: pytest.FixtureRequest, acceptance_exchange: Exchange, acceptance_gateway: Gateway
) -> AsyncIterator[Scenario]:
    """A scenario in each dialect."""
    async for scenario in _scenario(request, acceptance_exchange, acceptance_gateway, request.param):
        yield scenario


@pytest.fixture(params=["EXPLICIT44", "EXPLICIT42"])
async def explicit(
    request: pytest.FixtureRequest, acceptance_exchange: Exchange, acceptance_gateway: Gateway
) -> AsyncIterator[Scenario]:
    """On a session that wants PendingNew, and Expired for what an immediate order leaves over."""
    async for scenario in _scenario(request, acceptance_exchange, acceptance_gateway, request.param):
        yield scenario


@pytest.fixture(params=["LIMITED44", "LIMITED42"])
async def limited(
    request: pytest.FixtureRequest, acceptance_exchange: Exchange, acceptance_gateway: Gateway
) -> AsyncIterator[Scenario]:
    """On a session with limits of its own."""
    async for scenario in _scenario(request, acceptance_exchange, acceptance_gateway, request.param):
        yield scenario


@pytest.fixture(params=DIALECTS)
async def injected(
    request: pytest.FixtureRequest, injected_exchange: Exchange, injected_gateway: Gateway
) -> AsyncIterator[Scenario]:
    """A scenario whose exchange can be made to say anything (Scenario.venue_says)."""
    async for scenario in _scenario(request, injected_exchange, injected_gateway, request.param):
        yield scenario


# --- the table


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the report its line of the table, as plain text: it may come from another process."""
    report = yield
    marker, scenario = item.get_closest_marker("scenario"), item.stash.get(_SCENARIO, None)
    if call.when == "call" and marker is not None and scenario is not None:
        scenario_id, title = marker.args
        result = "not applicable" if scenario.not_applicable and report.passed else report.outcome
        seen = " ".join(scenario.seen)
        line = f"{scenario_id:9} {scenario.client.begin_string:10} {result:15} {seen}  [{title}]"
        if scenario.not_applicable:
            line += f"\n{'':37}reason: {scenario.not_applicable}"
        report.user_properties.append((_TABLE, line))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line a scenario and dialect: id, what was seen, how it went."""
    lines = sorted(
        str(line)
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
        for name, line in report.user_properties
        if name == _TABLE
    )
    if lines:
        terminalreporter.section("order state change matrices")
        terminalreporter.write_line(
            f"{'id':9} {'dialect':10} {'result':15} seen (ExecType/OrdStatus, 9/OrdStatus(CxlRejReason))"
        )
    for line in lines:
        terminalreporter.write_line(line)
