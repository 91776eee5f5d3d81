"""Room that deleted records leave: who gets it, and how."""

import time
from contextlib import closing

from sqlalchemy import Engine

_PAGES_AT_ONCE = 256
_LEAST_PAUSE_S = 0.002
_INCREMENTAL = 2


def give_back(database: Engine) -> str:
    """Make the file smaller where a running gateway does not mind, a megabyte at a time. Says what was done."""
    if database.dialect.name != "sqlite":
        return "PostgreSQL uses the room again; fixgw db compact gives it back"
    given = 0
    with closing(database.raw_connection()) as raw:
        cursor = raw.cursor()
        ((mode,),) = cursor.execute("PRAGMA auto_vacuum").fetchall()
        if mode != _INCREMENTAL:
            return "the file keeps its size, and its free room is used again; fixgw db compact makes it smaller"
        while True:
            ((before,),) = cursor.execute("PRAGMA freelist_count").fetchall()
            started = time.monotonic()
            cursor.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
            ((left,),) = cursor.execute("PRAGMA freelist_count").fetchall()
            given += before - left
            if not left or left >= before:  # the engine may have taken some meanwhile
                break
            time.sleep(max(_LEAST_PAUSE_S, time.monotonic() - started))
        ((size,),) = cursor.execute("PRAGMA page_size").fetchall()
    return f"the file is {given * size:,} bytes smaller"


def compact(database: Engine) -> None:
    """Write the whole database anew, without free room. Nobody else may be using it."""
    if database.dialect.name == "sqlite":
        with closing(database.raw_connection()) as raw:  # it begins no transaction of its own
            raw.cursor().execute("VACUUM")
        return
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (FULL, ANALYZE)")
