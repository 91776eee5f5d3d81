"""Numbers followed through a log: gaps, repairs, copies, new beginnings."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.compliance.logs.log_line import Direction
from gateway.compliance.logs.sequence import Gap, Placed, Sequence


def placed(numbers: Sequence, number: int, direction: Direction = "in", **tags: str) -> Placed:
    return numbers.place(direction, {34: str(number), 35: "D"} | {int(tag[1:]): value for tag, value in tags.items()})


def test_what_is_missing_is_named_and_what_comes_later_is_not() -> None:
    numbers = Sequence()
    for number in (1, 2, 7):
        assert placed(numbers, number).first_use
    assert placed(numbers, 4, t43="Y") == Placed(1, 4, "late", first_use=True)
    assert placed(numbers, 4, t43="Y").place == "resent"
    assert placed(numbers, 2).place == "duplicate"
    assert numbers.opened == {"in": 1}
    assert numbers.finish() == [Gap(1, "in", 3, 3), Gap(1, "in", 5, 6)]
    assert numbers.missing == 3


def test_a_gap_fill_stands_for_numbers() -> None:
    numbers = Sequence()
    placed(numbers, 1)
    placed(numbers, 9)
    assert placed(numbers, 2, t35="4", t123="Y", t36="7", t43="Y").place == "late"
    assert placed(numbers, 10, t35="4", t123="Y", t36="20").place == "new"
    assert placed(numbers, 20).place == "new"
    assert numbers.finish() == [Gap(1, "in", 7, 8)]


def test_a_sequence_reset_moves_on_without_a_gap() -> None:
    numbers = Sequence()
    placed(numbers, 1)
    assert placed(numbers, 77, t35="4", t36="50").place == "reset"
    assert placed(numbers, 50).place == "new"
    assert numbers.finish() == []


def test_a_log_that_begins_in_mid_session_has_no_gap_before_it() -> None:
    numbers = Sequence()
    assert placed(numbers, 5000).place == "new"
    assert numbers.finish() == []


def test_numbers_that_begin_again_begin_an_epoch_for_both_directions() -> None:
    numbers = Sequence()
    for direction in ("in", "out"):
        placed(numbers, 1, direction, t52="20260131-09:00:00")
        placed(numbers, 2, direction, t52="20260131-09:00:01")
        placed(numbers, 5, direction, t52="20260131-09:00:02")
    assert placed(numbers, 1, "in", t35="A", t52="20260201-09:00:00").epoch == 2
    assert placed(numbers, 1, "out", t35="A", t52="20260201-09:00:01").epoch == 2
    assert placed(numbers, 2, "in", t52="20260201-09:00:02") == Placed(2, 2, "new", first_use=True)
    assert [gap.epoch for gap in numbers.gaps] == [1, 1]


def test_a_file_that_is_read_twice_is_duplicates_and_no_new_epoch() -> None:
    numbers = Sequence()
    for number in (1, 1, 2, 2, 3, 3):
        placed(numbers, number, t52=f"20260131-09:00:0{number}", t141="Y" if number == 1 else "N")
    assert (numbers.epoch, numbers.places["duplicate"]) == (1, 3)
    assert placed(numbers, 1, t141="Y", t52="20260131-09:00:03").epoch == 2


def test_what_has_no_number_is_counted_apart() -> None:
    numbers = Sequence()
    for text in ("", "x", "-1", "0", "9" * 30):
        assert numbers.place("in", {34: text}) == Placed(1, 0, "unnumbered", first_use=False)


flags = st.fixed_dictionaries(
    {34: st.integers(0, 12).map(str), 35: st.sampled_from(["D", "4", "A"])},
    optional={
        43: st.just("Y"),
        123: st.just("Y"),
        141: st.just("Y"),
        36: st.integers(0, 15).map(str),
        52: st.sampled_from("abc"),
    },
)


@given(st.lists(st.tuples(st.sampled_from(["in", "out"]), flags), max_size=40))
def test_no_number_is_used_first_twice(messages: list[tuple[Direction, dict[int, str]]]) -> None:
    """SQL holds each (epoch, direction, number) once as a first use."""
    numbers, seen = Sequence(), set[tuple[int, Direction, int]]()
    for direction, values in messages:
        one = numbers.place(direction, values)
        if one.first_use:
            assert (one.epoch, direction, one.number) not in seen
            seen.add((one.epoch, direction, one.number))
    for gap in numbers.finish():
        assert not {(gap.epoch, gap.direction, number) for number in range(gap.first, gap.last + 1)} & seen
