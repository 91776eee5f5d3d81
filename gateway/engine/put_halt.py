"""A scope's state changes: in the books at once, in SQL with the batch."""

from gateway.domain.halts import Halt
from gateway.engine.recorder import Recorder
from gateway.store.rows import HaltRow


def put_halt(recorder: Recorder, halt: Halt) -> None:
    """From now on. Texts must be storable."""
    recorder.book.halts.put(halt)
    recorder.batch.halts[halt.scope] = HaltRow(
        *halt.scope, str(halt.state), halt.reason, halt.uid, halt.who, halt.at, halt.armed_by_uid, halt.armed_at
    )
