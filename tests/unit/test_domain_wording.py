"""Words of numbers."""

from gateway.domain.wording import counted


def test_one_thing_and_several() -> None:
    assert [counted(count, "seal") for count in (0, 1, 2, 1234)] == ["0 seals", "1 seal", "2 seals", "1,234 seals"]
    assert [counted(count, "entry", "entries") for count in (1, 3)] == ["1 entry", "3 entries"]
