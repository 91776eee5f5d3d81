"""Going on with rows as the gateway writes them, for --follow."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row

FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")]

_LOOK_AGAIN_S = 0.3


def follow_rows(
    connection: Connection, last: int, look: Callable[[int], Iterable[Row[Any]]], show: Callable[[Row[Any]], None]
) -> None:
    """Show what comes after the row with this id, until Ctrl-C. look: the rows after an id, by id."""
    try:
        for row in _coming(connection, last, look):
            show(row)
    except KeyboardInterrupt:
        return


def _coming(connection: Connection, last: int, look: Callable[[int], Iterable[Row[Any]]]) -> Iterator[Row[Any]]:
    while True:
        connection.rollback()  # so that the next look sees what is new
        for row in look(last):
            last = row.id
            yield row
        time.sleep(_LOOK_AGAIN_S)
