"""How much of what a client sent lies beyond a gap in its numbers."""

import pytest

from gateway.front.numbers import SentNumbers, kept_bytes
from tests.unit.front.support import fix


def message(number: int) -> bytes:
    return fix("D").replace(b"\x0134=1\x01", b"\x0134=%d\x01" % number)


def sent(numbers: SentNumbers, *messages: int) -> int:
    for number in messages:
        numbers.sent(message(number))
    return numbers.beyond // kept_bytes(message(4))


def test_nothing_counts_without_a_gap() -> None:
    numbers = SentNumbers(10)
    assert sent(numbers, 1, 2, 3, 9) == 0
    assert not numbers.expects(10), "the engine has taken all of it by now"
    assert sent(numbers, 10, 11) == 0
    assert not numbers.is_full


def test_what_comes_beyond_a_gap_counts_until_it_is_filled() -> None:
    numbers = SentNumbers(10**6)
    sent(numbers, 1, 2, 5)
    assert numbers.expects(3)
    assert sent(numbers, 6, 7, 8) == 3
    assert numbers.expects(3)
    assert sent(numbers, 2, 1) == 3, "what is repeated from before it is not kept"
    assert sent(numbers, 8) == 3, "nor is anything kept twice"
    assert sent(numbers, 3) == 4
    assert numbers.expects(4), "4 is missing still"
    assert sent(numbers) == 3
    assert sent(numbers, 4, 9) == 5
    assert numbers.expects(8), "it has not taken all that had been sent when it last said so"
    assert sent(numbers) == 2
    assert not numbers.expects(10)
    assert numbers.beyond == 0
    assert sent(numbers, 10, 12) == 0


def test_a_filled_gap_is_not_over_while_another_is_left() -> None:
    numbers = SentNumbers(10**6)
    sent(numbers, 10)  # before the engine's word, and kept
    assert numbers.expects(3)
    sent(numbers, 3)
    assert numbers.expects(4)
    assert sent(numbers, 11, 12) == 2


def test_it_is_full_beyond_its_bound() -> None:
    numbers = SentNumbers(2 * kept_bytes(message(4)))
    sent(numbers, 3)
    numbers.expects(1)
    assert (sent(numbers, 4, 5), numbers.is_full) == (2, False)
    assert (sent(numbers, 6), numbers.is_full) == (3, True)
    numbers.expects(5)
    assert not numbers.is_full


@pytest.mark.parametrize("forged", [b"\x0134=1\x0134=9\x01", b"\x0134=9\x0134=1\x01"])
def test_a_number_given_twice_is_taken_for_the_higher_one(forged: bytes) -> None:
    numbers = SentNumbers(10**6)
    sent(numbers, 3)
    numbers.expects(2)
    numbers.sent(message(1).replace(b"\x0134=1\x01", forged))
    assert numbers.beyond > 0
    numbers.sent(b"no number")
    assert numbers.expects(2)
    assert numbers.expects(8)
