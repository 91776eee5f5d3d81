"""The exchange's clock: the system's, shifted as a test asks."""

import time


class Clock:
    """Milliseconds since the epoch, UTC."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms
