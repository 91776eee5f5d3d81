"""FIX text taken apart: the cases that plain splitting gets wrong."""

import pytest

from gateway.wire import framing, raw
from gateway.wire.readable import describe, readable


def fix(text: str) -> str:
    """Writes SOH as | in the tests."""
    return text.replace("|", raw.SOH)


class TestSplit:
    def test_fields_keep_order_repeats_and_equal_signs(self) -> None:
        fields = raw.split_fields(fix("35=D|58=a=b|9001=x|58=|"))
        assert fields == [(35, "D"), (58, "a=b"), (9001, "x"), (58, "")]

    def test_data_field_may_hold_the_delimiter_and_a_false_price(self) -> None:
        text = fix("35=D|44=10|354=7|355=x|44=99|38=1|")
        assert raw.split_fields(text)[3:] == [(355, fix("x|44=99")), (38, "1")]
        assert raw.first_values(text)[44] == "10"
        # The price inside the text must not count, wherever the true one stands.
        assert raw.first_values(fix("354=7|355=x|44=99|44=10|"))[44] == "10"

    def test_data_length_counts_bytes(self) -> None:
        assert raw.split_fields(fix("95=5|96=é|é|58=x|")) == [(95, "5"), (96, fix("é|é")), (58, "x")]
        broken = raw.to_text(b"95=3\x0196=\xe9\x01z\x01")
        assert raw.split_fields(broken)[1] == (96, raw.to_text(b"\xe9\x01z"))

    def test_signature_is_measured_by_tag_93(self) -> None:
        assert raw.split_fields(fix("93=3|89=a|b|10=000|")) == [(93, "3"), (89, fix("a|b")), (10, "000")]

    def test_data_field_without_its_length_ends_at_the_delimiter(self) -> None:
        assert raw.split_fields(fix("355=abc|58=x|")) == [(355, "abc"), (58, "x")]

    def test_nothing_is_no_fields(self) -> None:
        assert raw.split_fields("") == []
        assert raw.first_values("") == {}

    @pytest.mark.parametrize(
        ("text", "reason", "offset"),
        [
            ("35=D|44", "a field without its delimiter", 5),
            ("35=D|44|", "a field without '='", 5),
            ("35=D||", "a field without '='", 5),
            ("=D|", "a field without a tag number", 0),
            ("35=D|4a=1|", "a field without a tag number", 5),
            ("35=D|-4=1|", "a field without a tag number", 5),
            ("35=D|0=1|", "a field without a tag number", 5),
            ("35=D|\N{SUPERSCRIPT TWO}=1|", "a field without a tag number", 5),
            ("35=D|1234567890=1|", "a field without a tag number", 5),
            ("95=9|96=abc|", "data field 96 that does not end after its 9 bytes", 8),
            ("95=999999999|96=abc|", "data field 96 that does not end after its 999999999 bytes", 16),
            ("95=2|96=abc|", "data field 96 that does not end after its 2 bytes", 8),
            ("95=-1|96=abc|", "data field 96 with a length that is no number", 9),
            ("95=|96=abc|", "data field 96 with a length that is no number", 7),
            ("58=é|44|", "a field without '='", 6),
        ],
    )
    def test_errors_name_the_byte(self, text: str, reason: str, offset: int) -> None:
        with pytest.raises(raw.RawFormatError) as caught:
            raw.split_fields(fix(text))
        assert (caught.value.reason, caught.value.offset) == (reason, offset)
        assert str(caught.value) == f"{reason} at byte {offset}"

    def test_first_of_repeated_tags_counts(self) -> None:
        assert raw.first_values(fix("453=2|448=A|448=B|55=X|")) == {453: "2", 448: "A", 55: "X"}


class TestDataFieldCheck:
    @pytest.mark.parametrize("text", ["35=D|58=x|", "35=D|354=3|355=a|b|", "35=D|95=0|96=|", "35=D|354=5|58=x|"])
    def test_passes_what_is_right(self, text: str) -> None:
        raw.check_fields(fix(f"8=FIX.4.4|9=5|{text}10=000|").encode())

    @pytest.mark.parametrize(
        "text",
        [
            "35=D|354=2000000000|355=abcde|",
            "35=D|354=99|355=abcde|",
            "35=D|354=-50|355=abcde|",
            "35=D|355=abcde|",
            "35=D|354=5|58=x|355=abcde|",
            "35=D|00354=99|00355=abcde|",
            "35=Q|618=99999|555=1|600=A|618=2|58=x|619=ab|",
        ],
    )
    def test_refuses_what_would_crash_the_session_engine(self, text: str) -> None:
        with pytest.raises(raw.RawFormatError, match="data field"):
            raw.check_fields(fix(f"8=FIX.4.4|9=5|{text}10=000|").encode())


class TestGroups:
    members = frozenset({447, 448, 452, 802, 523, 803})

    def test_parties_with_sub_ids(self) -> None:
        fields = raw.split_fields(
            fix("11=A|453=2|448=FIRM|447=D|452=1|802=2|523=x|803=1|523=y|803=2|448=DESK|452=24|55=B|448=no|")
        )
        parties = raw.group_fields(fields, 453, 448, self.members)
        assert [party[0] for party in parties] == [(448, "FIRM"), (448, "DESK")]
        assert parties[0][-1] == (803, "2")
        assert raw.group_fields(parties[0], 802, 523, {803}) == [[(523, "x"), (803, "1")], [(523, "y"), (803, "2")]]

    @pytest.mark.parametrize(
        ("text", "found"), [("453=5|448=A|", [[(448, "A")]]), ("448=A|", []), ("453=1|452=1|448=A|", [])]
    )
    def test_tolerates_wrong_counts_and_strange_starts(self, text: str, found: list[raw.Fields]) -> None:
        assert raw.group_fields(raw.split_fields(fix(text)), 453, 448, self.members) == found


class TestSecrets:
    def test_masked_with_equal_length_in_bytes(self) -> None:
        text = fix("35=A|95=6|96=pw|\u00e91|553=me|554=secret|925=n\u00e9w|58=96=shown|496=x|")
        masked = raw.mask_secrets(text)
        assert masked == fix("35=A|95=6|96=******|553=me|554=******|925=****|58=96=shown|496=x|")
        assert len(raw.to_bytes(masked)) == len(raw.to_bytes(text))

    def test_text_without_secrets_is_returned_as_it_is(self) -> None:
        text = fix("35=D|58=hello|")
        assert raw.mask_secrets(text) is text

    @pytest.mark.parametrize(
        "text",
        [
            "35=A|554=secret",
            "35=A|0554=secret|",
            "35=A|nonsense|554=secret|",
            "35=A|95=999|96=a|secret|554=secret|",
            "35=A| 554=secret|x|",
            "554=secret|\ud800|",
            "35=A|554=x|y=secret|",
        ],
    )
    def test_nothing_leaks_from_broken_text(self, text: str) -> None:
        assert "secret" not in raw.mask_secrets(fix(text))
        assert "secret" not in readable(fix(text))
        assert "secret" not in " ".join(map(str, describe(fix(text))))


class TestReadable:
    def test_names_and_meanings(self) -> None:
        shown = [str(field) for field in describe(fix("35=8|39=2|150=F|18=6 G|9001=x|55=BTCUSDT|"))]
        assert shown == [
            "MsgType(35)=8 ExecutionReport",
            "OrdStatus(39)=2 Filled",
            "ExecType(150)=F Trade",
            "ExecInst(18)=6 G ParticipateDontInitiate AllOrNone",
            "9001=x",
            "Symbol(55)=BTCUSDT",
        ]

    def test_one_line_whatever_is_in_it(self) -> None:
        text = raw.to_text(b"35=D\x0158=a\nb\x1b[2J\xe9\xc2\x85\x01")
        assert readable(text) == r"35=D|58=a\x0ab\x1b[2J\xe9\x85|"

    def test_broken_text_is_shown_in_pieces(self) -> None:
        assert [str(f) for f in describe(fix("35=D|rubbish|44=1"))] == [
            "MsgType(35)=D NewOrderSingle",
            "?rubbish",
            "Price(44)=1",
        ]


MESSAGE = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"


class TestStreams:
    def test_checksum(self) -> None:
        assert framing.checksum(MESSAGE[:-7]) == "163"

    def test_every_cut_of_two_messages(self) -> None:
        stream = MESSAGE + MESSAGE
        for cut in range(len(stream) + 1):
            first, rest = framing.parse_stream(stream[:cut])
            second, rest = framing.parse_stream(rest + stream[cut:])
            assert first + second == [MESSAGE, MESSAGE], cut
            assert rest == b""

    @pytest.mark.parametrize(
        "garbage",
        [
            b"rubbish",
            b"8=FIX",
            b"8=FIX.4.4\x01",
            b"8=FIX.4.4\x019=x\x01",
            b"8=FIX.4.4\x019=4\x0135=0\x0110=163\x01",
            b"8=FIX.4.4\x019=99999999\x01",
        ],
    )
    def test_finds_the_next_message_after_garbage(self, garbage: bytes) -> None:
        assert framing.parse_stream(garbage + MESSAGE) == ([MESSAGE], b"")

    def test_garbage_is_not_kept(self) -> None:
        assert framing.parse_stream(b"x" * 1000 + b"8=FI") == ([], b"8=FI")
        assert framing.parse_stream(b"x" * 1000) == ([], b"")

    def test_a_message_inside_a_data_field_is_not_a_message(self) -> None:
        body = b"35=0\x0195=%d\x0196=%b\x01" % (len(MESSAGE), MESSAGE)
        outer = b"8=FIX.4.4\x019=%d\x01%b10=000\x01" % (len(body), body)
        assert framing.parse_stream(outer) == ([outer], b"")
