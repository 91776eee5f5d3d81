"""`scripts/bench derive`: a day of orders folded again from the journal and compared with all that is stored.

The day is written by the engine's own parts, with limits, as many orders as are asked for; then it is sealed and
verified as well. What a day of a million takes is reckoned from that, since each order costs the same however many
there were before it (the growth is shown).
"""

import resource
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from gateway.compliance.audit.keys import KEY_VARIABLE, create_key, sealing_key
from gateway.compliance.audit.sealing import seal_all
from gateway.compliance.audit.verify import verify
from gateway.compliance.derive.run import Derived, derive
from gateway.compliance.derive.window import Window
from gateway.domain import venue_reports as v
from gateway.fix.codec import Codec
from gateway.store.database import open_database, open_existing, open_for_reading
from gateway.store.dialects import one_moment
from tests.bench.stores import new_database
from tests.fixtures.recorded import RecordedDay

DAY = 1_000_000
LIMITS = (
    ("MAX_ORDER_QTY", "50"),
    ("MAX_ORDER_NOTIONAL", "100000"),
    ("MAX_POSITION", "1000"),
    ("MAX_OPEN_ORDERS", "1000"),
    ("MAX_ORDERS_PER_DAY", "10000000"),
    ("ORDER_RATE", "100000/1s"),
    ("SELF_TRADE", "refuse"),
)


def write_day(url: str, orders: int) -> None:
    """Orders that are acknowledged and filled, one in ten canceled, bought and sold in turn."""
    database = open_database(url, "sim")
    day = RecordedDay(database, LIMITS)
    day.step = 10_000_000
    for number in range(1, orders + 1):
        order_id = f"O{number}"
        day.new(f"C{number}", side="1" if number % 2 else "2")
        day.venue(v.VenueAccepted, order_id)
        if number % 10:
            day.trade(order_id, str(number), "1")
        else:
            day.cancel(f"X{number}", f"C{number}")
            day.venue(v.VenueClosed, order_id, reason=v.CloseReason.CANCELED, cum_qty=Decimal(0))
        if number % 200 == 0:
            day.commit()
    day.commit()
    database.dispose()


def measure(url: str, orders: int) -> tuple[float, Derived]:
    """Seconds, and what was looked at."""
    database = open_for_reading(url)
    started, worked = time.perf_counter(), time.process_time()
    with one_moment(database) as connection:
        derived = derive(connection, Codec(), Window(), 0, print)
    taken = time.perf_counter() - started
    print(f"CPU {(time.process_time() - worked) / orders * 1e6:.0f} us an order; ", end="")
    database.dispose()
    assert derived.orders == orders
    assert not derived.differences
    return taken, derived


def measure_proof(url: str, directory: Path) -> dict[str, float]:
    """Sealing and verifying all that is stored, in CPU time of one thread and of the clock."""
    create_key(directory / "key")
    key = sealing_key({KEY_VARIABLE: str(directory / "key")})
    assert key is not None
    database = open_existing(url)
    started, worked = time.perf_counter(), time.process_time()
    seal_all(database, key, time.time_ns())
    sealing, sealing_cpu = time.perf_counter() - started, time.process_time() - worked
    started, worked = time.perf_counter(), time.process_time()
    with one_moment(database) as connection:
        verified = verify(connection, key.public, print)
    verifying, cpu = time.perf_counter() - started, time.process_time() - worked
    database.dispose()
    assert not verified.findings
    records = verified.records
    print(
        f"{records:>8,} records: sealed {records / sealing:,.0f}/s ({sealing_cpu / records * 1e6:.1f} us CPU each), "
        f"verified {records / verifying:,.0f}/s ({cpu / records * 1e6:.1f} us CPU each)"
    )
    return {"seal_records_per_s": records / sealing, "verify_records_per_s": records / verifying}


def bench_derive(*, quick: bool, store: str) -> dict[str, float]:
    """Print the figures; by their JSON keys."""
    figures: dict[str, float] = {}
    for orders in (2_000, 10_000) if quick else (10_000, 100_000):
        with tempfile.TemporaryDirectory(prefix="fixgw-bench-") as directory, new_database(store) as database:
            url = database or f"sqlite:///{Path(directory) / 'day.db'}"
            write_day(url, orders)
            seconds, derived = measure(url, orders)
            figures |= measure_proof(url, Path(directory))
        figures |= {
            "derive_events_per_s": derived.events / seconds,
            "derive_orders_per_s": orders / seconds,
            "derive_day_of_a_million_s": seconds / orders * DAY,
        }
        print(
            f"{orders:>8,} orders, {derived.events:,} events, {derived.reports:,} reports in {store}: {seconds:.1f} s, "
            f"{derived.events / seconds:,.0f} events/s; a day of {DAY:,} orders, reckoned: "
            f"{seconds / orders * DAY:,.0f} s"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["derive_peak_mib"] = peak
    print(f"memory at most: {peak:,.0f} MiB, with what wrote the day in the same process")
    return figures
