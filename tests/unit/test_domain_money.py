"""Decimals: what is a number, what lies on a grid, and that nothing but AvgPx(6) rounds."""

from decimal import Decimal, Inexact, getcontext, localcontext

import pytest

from gateway.domain.money import add, avg_px, is_multiple, multiply, parse_decimal, subtract, text_of, trim


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("1.50", "1.50"),
        ("-3", "-3"),
        ("5.", "5"),
        (".5", "0.5"),
        ("00012", "12"),
        ("9" * 20 + "." + "9" * 20, "9" * 20 + "." + "9" * 20),
    ],
)
def test_a_number_as_fix_writes_it(text: str, value: str) -> None:
    assert parse_decimal(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-", "+1", "--1", "1e5", "1E-8", "NaN", "sNaN", "Infinity", "-inf", "1.2.3", "1,5", "1_000"),
        *("0x10", " 1", "1 ", "1\n", "\u0663", "1" * 21, "." + "1" * 21, "0" * 10_000),
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        parse_decimal(text)


def test_a_refusal_does_not_repeat_a_novel() -> None:
    with pytest.raises(ValueError) as error:
        parse_decimal("9" * 10_000)
    assert len(str(error.value)) < 200


def test_the_threads_context_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        assert add(Decimal("1234.5678"), Decimal("0.0001")) == Decimal("1234.5679")
        assert subtract(Decimal("1234.5678"), Decimal("0.0001")) == Decimal("1234.5677")
        assert multiply(Decimal("1234.5678"), Decimal("1.0001")) == Decimal("1234.69125678")
    assert getcontext().prec != 2


def test_what_cannot_be_exact_is_not_silently_rounded() -> None:
    with pytest.raises(Inexact):
        add(Decimal(10) ** 60, Decimal(10) ** -60)


@pytest.mark.parametrize(
    ("value", "step", "on_it"),
    [
        ("100.01", "0.01", True),
        ("100.011", "0.01", False),
        ("0.3", "0.1", True),  # where binary floats fail
        ("123.456", "0", True),  # no grid
        ("1E+3", "0.001", True),
    ],
)
def test_the_grid(value: str, step: str, on_it: bool) -> None:
    assert is_multiple(Decimal(value), Decimal(step)) is on_it


@pytest.mark.parametrize(
    ("notional", "qty", "average"),
    [
        ("0", "0", "0"),
        ("300", "3", "100"),
        ("250.5", "2", "125.25"),
        ("1", "3", "0.333333333333"),
        ("2", "3", "0.666666666667"),
        ("0.0000000000005", "1", "0"),  # half to even
        ("0.0000000000015", "1", "0.000000000002"),
    ],
)
def test_the_average_is_exact_to_twelve_decimals(notional: str, qty: str, average: str) -> None:
    assert avg_px(Decimal(notional), Decimal(qty)) == Decimal(average)


@pytest.mark.parametrize(("value", "text"), [("1.500", "1.5"), ("1E+3", "1000"), ("0.00", "0"), ("100", "100")])
def test_trimmed(value: str, text: str) -> None:
    assert str(trim(Decimal(value))) == text


@pytest.mark.parametrize(("value", "text"), [("1E-8", "0.00000001"), ("1E+5", "100000"), ("1.50", "1.50")])
def test_never_an_exponent_on_the_wire(value: str, text: str) -> None:
    assert text_of(Decimal(value)) == text
