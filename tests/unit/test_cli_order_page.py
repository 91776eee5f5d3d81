"""fixgw order: checks and states in the story, and the page to hand on, which nobody's text can get out of."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.order_page import order_page
from gateway.cli.story import Entry
from gateway.domain import venue_reports as v
from gateway.store.database import open_database
from tests.fixtures.logs import conversation, message, quickfix_log
from tests.fixtures.recorded import RecordedDay
from tests.unit.test_cli_queries import CONFIG

HOSTILE = """</td><script>alert(1)</script><img src=x onerror="alert(2)">'&amp;"""
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "p", "dl", "div", "dt", "dd", "table", "thead", "tbody"),
    *("tr", "th", "td", "span", "ul", "li", "br"),
}


class Page(HTMLParser):
    """What a browser would make of it: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a gateway that took an order with a hostile text, filled half of it, and refused another."""
    database = open_database(f"sqlite:///{tmp_path}/gateway.db", "sim", "test")
    day = RecordedDay(database, (("MAX_ORDER_QTY", "5"), ("MAX_POSITION", "8")))
    day.step = 1_500_000
    day.says(f"35=D|11=A|55=BTCUSDT|54=1|38=2|40=2|44=100|59=1|58={HOSTILE}")
    day.venue(v.VenueAccepted, "O1")
    day.trade("O1", "77", "1")
    day.new("BIG", qty="6")
    day.commit()
    database.dispose()
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG.format(path=tmp_path / "gateway.db"))
    return path


def fixgw(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "400"}).invoke(app, [str(argument) for argument in arguments])


def test_the_story_has_each_check_with_its_figures_and_each_state(config: Path) -> None:
    told = fixgw("order", "A", "--config", config).stdout
    assert "risk passes (2 limits)" in told
    assert "MAX_POSITION 8 account=TRADING: position=0 open=0 passes" in told
    assert "→ PendingNew CumQty=0 LeavesQty=2" in told
    assert "→ New CumQty=0 LeavesQty=2" in told
    assert "→ PartiallyFilled CumQty=1 LeavesQty=1" in told
    refused = fixgw("order", "BIG", "--config", config).stdout
    assert "denied: MAX_ORDER_QTY limit=5 order=6 account=TRADING" in refused
    assert "MAX_ORDER_QTY 5 account=TRADING: refuses" in refused
    story = json.loads(fixgw("order", "A", "--config", config, "--json").stdout)["story"]
    (decision,) = [entry for entry in story if entry["kind"] == "decision"]
    assert decision["checks"][1] == "MAX_POSITION 8 account=TRADING: position=0 open=0 passes"
    states = [entry["state"] for entry in story if entry["kind"] == "event"]
    assert states[-1] == {"ord_status": "PartiallyFilled", "cum_qty": "1", "leaves_qty": "1"}


def test_the_page_stands_alone_and_escapes_what_others_wrote(config: Path, tmp_path: Path) -> None:
    result = fixgw("order", "A", "--config", config, "--html", tmp_path / "A.html")
    assert (result.exit_code, result.stdout) == (0, f"written to {tmp_path}/A.html\n")
    assert (tmp_path / "A.html").stat().st_mode & 0o777 == 0o600
    html = (tmp_path / "A.html").read_text()
    page = Page(html)
    assert page.tags <= _TAGS
    assert not {name for name, _ in page.attributes} & {"src", "href", "onerror", "srcset"}
    assert "url(" not in html
    assert "@import" not in html
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    told = "\n".join(page.texts)
    assert f"Text={HOSTILE}" in told
    assert f"Text(58)={HOSTILE}" in told
    assert "MAX_POSITION 8 account=TRADING: position=0 open=0 passes" in told
    assert "PartiallyFilled CumQty=1 LeavesQty=1" in told
    assert "+1.5 ms" in told
    assert "environment sim, deployment test" in told


def test_the_page_has_nothing_of_what_is_kept_back(config: Path, tmp_path: Path) -> None:
    def page(*tags: int) -> str:
        config.write_text(f"{plain}\n[compliance]\nredact = {list(tags)}\n")
        assert fixgw("order", "A", "--config", config, "--html", tmp_path / "A.html").exit_code == 0
        return "\n".join(Page((tmp_path / "A.html").read_text()).texts)

    plain = config.read_text()
    told = page(44, 1, 14)
    for value in (" Price=100", "(44)=100", "price", "TRADING", HOSTILE, "CumQty=1", "CumQty(14)=1", "MAX_POSITION"):
        assert value not in told, value
    assert "Left out: the values of tags 1, 14, 44, 58, 355, and what quotes them." in told
    for words in (
        "Price(44)=***",
        "OrderQty(38)=2",
        "risk passes",
        "OrderFilled → PartiallyFilled",
        "Order O1",
        "DESK",
    ):
        assert words in told, words
    told = page(37, 39, 49, 198)
    for value in ("O1", "DESK", "→"):
        assert value not in told, value
    config.write_text(f"{plain}\n[compliance]\nredact = [44]\n")
    refused = tmp_path / "BIG.html"
    assert fixgw("order", "BIG", "--config", config, "--html", refused).exit_code == 0
    assert "denied: MAX_ORDER_QTY" in refused.read_text()
    assert "limit=5" not in refused.read_text()
    assert '"Price": "100"' in fixgw("order", "A", "--config", config, "--json").stdout, (
        "what is not handed on is whole"
    )


hostile = st.text() | st.sampled_from([HOSTILE, "<!--", "]]>", "</style>", "\x00", "&lt;"])


@given(st.lists(hostile, min_size=3, max_size=3), st.dictionaries(hostile, hostile, max_size=3))
def test_no_text_becomes_an_element_or_an_attribute(texts: list[str], summary: dict[str, str]) -> None:
    title, about, text = (one.encode("utf-8", "replace").decode() for one in texts)
    entry = Entry(0, "FIX in", text, "", {}, (text,))
    page = Page(order_page(title, about, summary, [entry, entry]))
    assert page.tags <= _TAGS
    assert {name for name, _ in page.attributes} <= {"lang", "charset", "http-equiv", "content", "name", "class"}


def test_an_imported_order_is_told_by_its_messages(tmp_path: Path) -> None:
    later = ("09:00:06.000", message("8", 4, "BROKER", "CLIENT", "09:00:06.000", "37=O1", "11=ABC-2", "150=I"))
    (tmp_path / "it.log").write_bytes(quickfix_log([*conversation(), later]))
    assert fixgw("replay", "import", tmp_path / "it.log", "--into", tmp_path / "it.db").exit_code == 0
    for name in ("ABC", "O1", "ABC-2"):
        told: dict[str, Any] = json.loads(fixgw("order", name, "--database", tmp_path / "it.db", "--json").stdout)
        assert told["order"] is None
        assert [(entry["kind"], entry["msg_type"]) for entry in told["story"]] == [
            ("FIX in", "D"),
            *[("FIX out", "8")] * 3,
        ]
        assert [entry["since_previous_us"] for entry in told["story"]] == [None, 4000, 5000, 4_991_000]
    result = fixgw("order", "NIX", "--database", tmp_path / "it.db")
    assert (result.exit_code, result.stderr[:30]) == (2, "no order has the OrderID or Cl")


def test_a_page_that_cannot_be_written_is_one_line(config: Path, tmp_path: Path) -> None:
    result = fixgw("order", "A", "--config", config, "--html", tmp_path / "nowhere" / "A.html")
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path}/nowhere/A.html: No such file or directory\n")
