"""Fixtures that every folder of tests may use."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures.grouping import group_of
from tests.fixtures.processes import Exchange, Gateway

pytest_plugins = ["tests.fixtures.databases"]

gc.disable()  # what is imported and collected stays: looking for garbage in it takes a quarter of that time


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files are handed out whole, and some together."""
    gc.enable()  # who hands them out collects none
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = group_of
    return scheduling


def pytest_collection_finish() -> None:
    """The tests come next, and make garbage."""
    gc.freeze()
    gc.enable()


# How long an example takes, or finding it, depends on what else the machine does, and no test is about that.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    """A simulated exchange of the test's own, without a market maker."""
    process = Exchange(tmp_path).start()
    yield process
    process.stop()


@pytest.fixture
def gateway(request: pytest.FixtureRequest, tmp_path: Path, exchange: Exchange) -> Iterator[Gateway]:
    """A gateway of the test's own, connected to `exchange`; on SQLite, unless the test says otherwise."""
    store = getattr(request, "param", "sqlite")
    database = request.getfixturevalue("postgres_database") if store == "postgresql" else None
    process = Gateway(tmp_path, exchange.url, database=database)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def shared_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for a module of tests that keep their orders apart by ClOrdID."""
    process = Exchange(tmp_path_factory.mktemp("exchange")).start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory, shared_exchange: Exchange) -> Iterator[Gateway]:
    """One gateway for a module."""
    process = Gateway(tmp_path_factory.mktemp("gateway"), shared_exchange.url)
    process.start()
    yield process
    process.stop()
