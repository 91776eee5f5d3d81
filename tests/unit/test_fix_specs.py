"""The generated dictionaries: in step with their source, complete, and right in the eyes of QuickFIX."""

import importlib
import re
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import quickfix

from gateway.domain.risk.controls import CONTROLS
from gateway.fix import decode_fields
from gateway.wire import field_names, framing, raw, tags
from gateway.wire.versions import transport

ROOT = Path(__file__).resolve().parents[2]
STANDARD = tomllib.loads((ROOT / "tests/fixtures/fix_standard_tags.toml").read_text(encoding="utf-8"))
FILES = {
    "4.2": ROOT / "fix_specs/FIX42.xml",
    "4.4": ROOT / "fix_specs/FIX44.xml",
    "5.0": ROOT / "fix_specs/FIX50SP2.xml",
}
FIXT = ROOT / "fix_specs/FIXT11.xml"
NAMES = {"4.2": "FIX.4.2", "4.4": "FIX.4.4", "5.0": "FIX.5.0SP2"}
SINCE = {"4.2": ("all", "4.2"), "4.4": ("all", "from 4.4"), "5.0": ("all", "from 4.4", "5.0")}
PARTIES = {447, 448, 452, 453, 523, 802, 803}
# What we take beyond the standard; messages.toml says why.
ADDED: dict[tuple[str, str], set[int]] = {
    ("4.2", "A"): {553, 554, 925},
    ("4.4", "A"): {925},
    ("4.4", "G"): {232, 233, 234},
    **{("4.2", msg_type): PARTIES for msg_type in "DFGH8"},
    ("4.4", "q"): {1},
    ("4.4", "x"): {
        *(564, 565, 566, 587, 588, 637, 654, 683, 687, 688, 689, 690),
        *(524, 525, 538, 539, 545, 804, 805),
    },
    # One NoLegs group serves DontKnowTrade and ExecutionReport, which has more in it.
    ("4.4", "Q"): {
        *(524, 525, 538, 539, 545, 804, 805),
        *(564, 565, 566, 587, 588, 637, 654, 683, 687, 688, 689, 690),
    },
    ("5.0", "q"): {1},
    ("5.0", "r"): {41},  # which an extension pack has replaced by a field of its own
    ("5.0", "Q"): {
        *(524, 525, 538, 539, 545, 804, 805, 564, 565, 587, 588, 637, 654, 683, 685, 687, 688, 689, 690),
        *range(670, 676), *range(756, 761), 806, 807, *range(948, 955),
        *(1073, 1074, 1075, 1366, 1367, 1379, 1381, 1383, 1384, 1418),
    },
}  # fmt: skip


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("generate_fix_specs")


def test_generated_files_are_in_step_with_their_source(generator: Any) -> None:
    stale = [str(p) for p, text in generator.outputs().items() if (ROOT / p).read_text(encoding="utf-8") != text]
    assert not stale, "run scripts/generate_fix_specs.py"


# --- the rules of engagement say what the code does --------------------------------------------------

RULES = tomllib.loads((ROOT / "fix_specs/source/rules.toml").read_text(encoding="utf-8"))
TAG_OF = {name: tag for tag, name in field_names.NAMES.items()}
# A code at the start of a literal: "MIN_QTY", f"DUPLICATE_CL_ORD_ID cl_ord_id=...
CODE = re.compile(r"""(?:deny\(\s*|_over\(limits, |text = f?|tag, f?|ORDER_QTY, f?)"([A-Z]+(?:_[A-Z]+)+)[" ]""")


def tags_named(names: str) -> set[int]:
    return {TAG_OF[name] for name in names.split()}


@pytest.mark.parametrize("version", FILES)
def test_echoed_fields_are_documented(version: str) -> None:
    documented = {tag for since in SINCE[version] for tag in tags_named(RULES["echoed"][since])}
    assert set(decode_fields.ECHOED[NAMES[version]]) | {tags.NO_PARTY_IDS} == documented


def test_refused_fields_are_documented() -> None:
    named = {tag for tag in decode_fields.UNSUPPORTED if tag in field_names.NAMES}
    assert named == tags_named(RULES["refused"]["fields"])
    allowed = {TAG_OF[name]: set(values.split()) for name, values in RULES["refused"]["values_allowed"].items()}
    assert {tag: set(values) for tag, values in decode_fields.ONLY.items()} == allowed


def test_every_code_that_a_client_can_get_is_documented() -> None:
    sources = [
        *ROOT.glob("gateway/domain/**/*.py"),
        *ROOT.glob("gateway/engine/*.py"),
        *ROOT.glob("gateway/fix/dec*.py"),
    ]
    codes = {code for path in sources for code in CODE.findall(path.read_text(encoding="utf-8"))}
    codes |= {control.code for control in CONTROLS.values() if not control.alerts_only}
    assert {"MAX_ORDER_NOTIONAL", "DUPLICATE_CL_ORD_ID", "UNSUPPORTED_FIELD", "MISSING_ORDER_QTY"} <= codes
    assert codes - set(RULES["denials"]) == set()


# --- completeness ------------------------------------------------------------------------------------


class Dictionary:
    """A dictionary file read without QuickFIX and without the generator."""

    def __init__(self, path: Path) -> None:
        self.root = ET.parse(path).getroot()
        self.numbers = {f.attrib["name"]: int(f.attrib["number"]) for f in self.section("fields")}
        self.components = {c.attrib["name"]: c for c in self.section("components")}
        self.messages = {m.attrib["msgtype"]: m for m in self.section("messages")}

    def section(self, name: str) -> ET.Element:
        found = self.root.find(name)
        assert found is not None
        return found

    def lists(self, element: ET.Element) -> Iterator[list[int]]:
        """The tags of this list in order, components inserted, then the list of each group in it."""
        flat = list(self._flat(element))
        yield [self.numbers[e.attrib["name"]] for e in flat]
        for entry in flat:
            if entry.tag == "group":
                yield from self.lists(entry)

    def _flat(self, element: ET.Element) -> Iterator[ET.Element]:
        for entry in element:
            if entry.tag == "component":
                yield from self._flat(self.components[entry.attrib["name"]])
            else:
                yield entry

    def parts(self) -> Iterator[tuple[str, ET.Element]]:
        yield "header", self.section("header")
        yield "trailer", self.section("trailer")
        yield from self.messages.items()


def parts_of(version: str) -> list[tuple[Dictionary, str, ET.Element]]:
    """Header, trailer and messages; of 5.0 they are in two files."""
    found = []
    for path in (FILES[version], *([FIXT] if version == "5.0" else [])):
        dictionary = Dictionary(path)
        found += [(dictionary, name, part) for name, part in dictionary.parts() if len(part) or len(name) == 1]
    return found


def tags_of(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize("version", FILES)
def test_every_standard_field_is_there_and_nothing_unexplained(version: str) -> None:
    parts = {name: (dictionary, part) for dictionary, name, part in parts_of(version)}
    for name, expected in STANDARD[version].items():
        if name == "group_starts":
            continue
        dictionary, part = parts[name]
        ours = {tag for tags_ in dictionary.lists(part) for tag in tags_}
        assert ours == tags_of(expected) | ADDED.get((version, name), set()), name


@pytest.mark.parametrize("version", FILES)
def test_groups_start_with_the_standard_field(version: str) -> None:
    starts: dict[int, int] = {}
    for dictionary, _, part in parts_of(version):
        for group in part.iter("group"):
            starts[dictionary.numbers[group.attrib["name"]]] = next(dictionary.lists(group))[0]
    dictionary = Dictionary(FILES[version])
    for component in dictionary.components.values():
        for group in component.iter("group"):
            starts[dictionary.numbers[group.attrib["name"]]] = next(dictionary.lists(group))[0]
    pairs = [pair.split(":") for pair in STANDARD[version]["group_starts"].split()]
    expected = {int(count): int(first) for count, first in pairs}
    assert {tag: start for tag, start in starts.items() if tag in expected} == expected
    assert set(starts) - set(expected) <= {453, 802}


@pytest.mark.parametrize("version", FILES)
def test_a_data_field_stands_in_the_same_list_as_its_length(version: str) -> None:
    """The check of data fields before QuickFIX rests on it: both then belong to the same group, or to none."""
    for dictionary, _, part in parts_of(version):
        for in_order in dictionary.lists(part):
            for length, data in tags.DATA_FIELDS.items():
                assert (length in in_order) == (data in in_order)


def test_tag_names_and_value_names() -> None:
    assert (tags.CL_ORD_ID, tags.NO_PARTY_IDS, tags.LAST_LIQUIDITY_IND) == (11, 453, 851)
    assert tags.DATA_FIELDS[93] == 89
    assert len(tags.DATA_FIELDS) == 21
    assert field_names.NAMES[11] == "ClOrdID"
    assert field_names.VALUE_NAMES[39]["2"] == "Filled"
    assert field_names.VALUE_NAMES[35]["AF"] == field_names.VALUE_NAMES[372]["AF"] == "OrderMassStatusRequest"
    constants = [value for name, value in vars(tags).items() if name.isupper() and name != "DATA_FIELDS"]
    assert len(constants) == len(set(constants)) > 300


# --- in QuickFIX -------------------------------------------------------------------------------------


def strict(path: Path) -> Any:
    loaded = quickfix.DataDictionary(str(path))
    # As the session settings have it: AllowUnknownMsgFields=N shows what a strict engine would object to;
    # ValidateUserDefinedFields=N lets order systems send tags of their own.
    loaded.checkUserDefinedFields(False)
    loaded.allowUnknownMsgFields(False)
    return loaded


def message(version: str, body: str) -> str:
    """A complete message from `35=..|...` (SOH written as |), with the standard header in place."""
    msg_type, _, rest = body.partition("|")
    header = f"{msg_type}|34=2|49=CLIENT|52=20260105-10:00:00.000|56=GATEWAY|"
    content = (header + rest).replace("|", raw.SOH)
    text = f"8={transport(NAMES[version])}{raw.SOH}9={len(raw.to_bytes(content))}{raw.SOH}{content}"
    return f"{text}10={framing.checksum(raw.to_bytes(text))}{raw.SOH}"


def validate(version: str, body: str) -> Any:
    return check(version, message(version, body))


def check(version: str, text: str) -> Any:
    if version != "5.0":
        loaded = strict(FILES[version])
        parsed = quickfix.Message(text, loaded, True)
        loaded.validate(parsed)
        return parsed
    session, application = strict(FIXT), strict(FILES[version])
    parsed = quickfix.Message(text, session, application, True)
    is_session = text.partition(f"{raw.SOH}35=")[2][0] in "012345A"
    quickfix.DataDictionary.validate(parsed, session, session if is_session else application)
    return parsed


ORDER = "35=D|11=A1|55=BTCUSDT|54=1|40=2|44=10.5|38=1|59=1|60=20260105-10:00:00.000|"


def test_an_order_with_everything_clients_send_passes_in_44() -> None:
    validate(
        "4.4",
        ORDER + "1=ACME|21=1|18=6 G|15=USDT|528=P|582=4|581=1|9001=house tag|20003=x|"
        "453=2|448=FIRM|447=D|452=1|802=2|523=desk|803=25|523=x|803=4000|448=ALGO|447=P|452=122|"
        "454=1|455=US0378331005|456=4|864=1|865=1|866=20260105|"
        "711=1|311=X|457=1|458=Y|459=4|887=1|888=AMT|889=Y|"
        "232=1|233=AMT|234=Y|78=2|79=F1|539=1|524=N1|525=D|538=1|804=1|545=s|805=1|80=1|79=F2|80=2|"
        "386=2|336=A|625=1|336=B|12=0.1|13=3|479=USDT|211=0.1|835=0|388=0|389=0.1|"
        "218=0.1|221=Treasury|235=ANNUAL|236=0.05|913=x|916=20260105|847=1|849=0.1|"
        "354=8|355=x|44=1|y|58=text|",
    )


def test_an_order_with_everything_clients_send_passes_in_42() -> None:
    validate(
        "4.2",
        ORDER + "1=ACME|21=1|18=6|109=CLIENT7|76=BROKER|47=A|204=0|439=CF|440=CA|9001=house tag|"
        "78=2|79=F1|80=1|79=F2|80=2|386=2|336=A|336=B|453=2|448=A|447=D|452=1|448=B|447=D|452=3|"
        "211=0.1|388=0|389=0.1|63=0|64=20260107|77=O|205=15|126=20260106-10:00:00|432=20260106|",
    )


@pytest.mark.parametrize("version", FILES)
@pytest.mark.parametrize(
    "body",
    [
        "35=D|11=A1|55=X|54=1|40=1|38=1|",  # neither HandlInst(21) nor TransactTime(60)
        "35=D|11=A1|55=X|54=1|40=1|60=20260105-10:00:00|",  # the gateway answers a missing quantity
        "35=D|11=A1|55=X|54=Z|40=Z|38=1|59=Z|18=? z|21=9|",  # and values that it does not know
        "35=F|11=C1|41=A1|",
        "35=F|11=C1|37=42|",
        "35=G|11=C1|41=A1|38=2|44=3|",
        "35=H|11=A1|",
        "35=H|37=42|",
        "35=Q|37=42|17=7|127=C|",
        "35=j|45=2|372=8|380=0|58=what is this|",
        "35=A|98=0|108=30|141=Y|553=me|554=secret|384=2|372=D|385=R|372=8|385=S|{version}",
        "35=0|",
        "35=1|112=x|",
        "35=2|7=1|16=0|",
        "35=3|45=2|371=40|372=D|373=5|58=x|",
        "35=4|123=Y|36=10|",
        "35=5|58=bye|",
    ],
)
def test_messages_we_must_understand_pass(version: str, body: str) -> None:
    validate(version, body.replace("{version}", "1137=9|" if version == "5.0" else ""))


@pytest.mark.parametrize(
    "body",
    [
        "35=q|11=C1|530=7|",
        "35=q|11=C1|530=1|55=X|54=1|1=ACME|60=20260105-10:00:00|",
        "35=AF|584=S1|585=7|1=ACME|54=2|",
        "35=x|320=L|559=4|263=0|",
    ],
)
def test_messages_that_42_does_not_have_pass_in_44(body: str) -> None:
    validate("4.4", body)


EXECUTION = "|6=0|11=A1|14=0|17=E1|37=42|38=1|39=0|40=2|44=10|54=1|55=X|60=20260105-10:00:00.000|150=0|151=1|"


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("4.2", "35=8" + EXECUTION + "20=0|"),
        ("4.2", "35=8" + EXECUTION + "20=0|198=V1|32=1|31=10|30=XBIN|12=0.1|13=3|103=0|378=1|"),
        ("4.4", "35=8" + EXECUTION + "198=V1|32=1|31=10|12=0.1|13=3|479=BNB|851=1|790=S1|453=1|448=A|447=D|452=1|"),
        ("4.2", "35=9|37=NONE|11=C1|41=A1|39=8|434=1|102=1|58=x|"),
        ("4.4", "35=9|37=NONE|11=C1|41=A1|39=8|434=2|102=99|58=x|"),
        ("4.4", "35=8" + EXECUTION + "584=S1|911=2|912=N|"),
        ("4.4", "35=r|37=M1|11=C1|530=7|531=7|533=2|54=1|60=20260105-10:00:00.000|"),
        ("4.4", "35=r|37=M1|11=C1|530=1|531=0|532=1|533=0|58=x|"),
        ("4.4", "35=y|320=L|322=L1|560=0|393=2|893=Y|146=2|55=A|107=A/B|15=B|561=0.1|562=1|58=x|55=C|15=D|"),
    ],
)
def test_reports_we_send_pass(version: str, body: str) -> None:
    validate(version, body)


@pytest.mark.parametrize("version", FILES)
@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ("35=D|55=X|54=1|40=1|38=1|", 11),
        ("35=D|11=A|54=1|40=1|38=1|", 55),
        ("35=D|11=A|55=X|40=1|38=1|", 54),
        ("35=D|11=A|55=X|54=1|38=1|", 40),
        ("35=F|41=A|", 11),
        ("35=A|98=0|", 108),
    ],
)
def test_what_cannot_be_understood_is_rejected(version: str, body: str, tag: int) -> None:
    with pytest.raises(quickfix.RequiredTagMissing) as caught:
        validate(version, body)
    assert caught.value.field == tag


@pytest.mark.parametrize(
    ("version", "body", "refusal"),
    [
        ("4.4", ORDER + "423=77|", quickfix.IncorrectTagValue),
        ("4.4", ORDER + "460=x|", quickfix.IncorrectDataFormat),
        ("4.4", ORDER.replace("44=10.5", "44=NaN"), quickfix.IncorrectDataFormat),
        ("4.2", ORDER.replace("60=20260105-10:00:00.000", "60=today"), quickfix.IncorrectDataFormat),
        ("4.4", ORDER + "58=|", quickfix.NoTagValue),
        ("4.2", ORDER + "20=0|", quickfix.TagNotDefinedForMessage),
        ("4.2", ORDER + "526=x|", quickfix.InvalidTagNumber),
        ("4.4", ORDER + "44=11|", quickfix.RepeatedTag),
    ],
)
def test_a_strict_engine_refuses(version: str, body: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        validate(version, body)


def test_the_examples_for_clients_are_messages_of_ours() -> None:
    rules = (ROOT / "fix_specs/RULES_OF_ENGAGEMENT.md").read_text(encoding="utf-8")
    examples = re.findall(r"^[<>] (8=FIX.*)$", rules, re.MULTILINE)
    assert {re.search(r"\|35=(.)\|", text)[1] for text in examples} >= set("ADFG891240")  # type: ignore[index]  # each has one
    for text in examples:
        version = next(version for version, name in NAMES.items() if text.startswith(f"8={transport(name)}|"))
        check(version, text.replace("|", raw.SOH))  # its length and checksum too


@pytest.mark.parametrize("version", FILES)
def test_unsupported_types_are_known_so_that_the_gateway_can_say_so(version: str) -> None:
    loaded = strict(FILES[version])
    assert all(loaded.isMsgType(msg_type) for msg_type in "DFGHQ89jEV")
    assert all(loaded.isMsgType(msg_type) for msg_type in ("q", "AF", "x"))
    assert loaded.isMsgType("BH") == (version != "4.2")
    assert loaded.isMsgType("CA") == (version == "5.0")
    assert not loaded.isMsgType("ZZ")
