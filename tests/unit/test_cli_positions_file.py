"""Files of positions as spreadsheets write them: each mistake is named with its line."""

from pathlib import Path

import pytest

from gateway.cli.positions_file import PositionsFileError, read_positions

ACCOUNTS = ("A", "TRADING", "OTHER")
HEAD = "account,symbol,quantity,average_cost\n"


def written(path: Path, text: str) -> Path:
    file = path / "positions.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_columns_in_any_order_with_blanks_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = '\ufeffsymbol, account,average_cost,quantity\nBTC,TRADING,"60000.5", 2.5 \n\nETHUSDT,OTHER,,0\n'
    first, second = read_positions(written(tmp_path, text), ACCOUNTS)
    assert (first.line, first.account, first.name, first.qty, first.avg_px) == (2, "TRADING", "BTC", "2.5", "60000.5")
    assert (second.line, second.account, second.name, second.qty, second.avg_px) == (4, "OTHER", "ETHUSDT", "0", "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the columns have to be account,symbol,quantity,average_cost"),
        ("account,symbol,qty,average_cost\n", "line 1: the columns have to be"),
        (HEAD + "A,BTC,1,2,3\n", "line 2: there have to be 4 values"),
        (HEAD + "A,BTC,1\n", "line 2: there have to be 4 values"),
        (HEAD + "A,BTC,1,2\n,BTC,1,2\n", "line 3: account is empty"),
        (HEAD + "A,,1,2\n", "line 2: symbol is empty"),
        (HEAD + "A,BTC,,2\n", "line 2: quantity: not a decimal number"),
        (HEAD + 'A,BTC,"1,000",2\n', "line 2: quantity: not a decimal number"),
        (HEAD + "A,BTC,1e3,2\n", "line 2: quantity: not a decimal number"),
        (HEAD + "A,BTC,1,2 USDT\n", "line 2: average_cost: not a decimal number"),
        (HEAD + 'A,"BTC,1,2\n', "not CSV in UTF-8"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(PositionsFileError, match=problem):
        read_positions(written(tmp_path, text), ACCOUNTS)


def test_every_line_that_is_wrong_is_named_and_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(PositionsFileError) as caught:
        read_positions(written(tmp_path, HEAD + "A,BTC,x,y\nA,ETH,1,2\n,LTC,1,2\nB,LTC,1,2\nC,1\n"), ACCOUNTS)
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "line 2: quantity: not a decimal number of at most 20 digits before and after the point: 'x'",
        "line 2: average_cost: not a decimal number of at most 20 digits before and after the point: 'y'",
        "line 4: account is empty",
        "line 5: no account 'B'; there are: A, OTHER, TRADING",
        "line 6: there have to be 4 values",
        "line 6: no account 'C'; there are: A, OTHER, TRADING",
    ]
    with pytest.raises(PositionsFileError, match="cannot be read: No such file"):
        read_positions(tmp_path / "none.csv", ACCOUNTS)
    (tmp_path / "latin.csv").write_bytes(b"account\xe9")
    with pytest.raises(PositionsFileError, match="not CSV in UTF-8"):
        read_positions(tmp_path / "latin.csv", ACCOUNTS)


def test_an_account_that_we_do_not_know_is_for_the_engine_to_judge(tmp_path: Path) -> None:
    """It may run with another configuration than the one that is here now."""
    assert [line.account for line in read_positions(written(tmp_path, HEAD + "B,LTC,1,2\n"), ACCOUNTS)] == ["B"]
