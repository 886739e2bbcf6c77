"""Limits of what a server may send: bytes, time, pages, series and instances."""

from __future__ import annotations

import time
from threading import Lock
from typing import Final

from medpaint.pacs.retry import PermanentError

__all__ = [
    "ANSWER_BYTES",
    "INSTANCE_BYTES",
    "LIST_RATE",
    "LIST_S",
    "MESSAGE_BYTES",
    "MOST_INSTANCES",
    "MOST_PAGES",
    "MOST_REPORTS",
    "MOST_SERIES",
    "PDU_BYTES",
    "SERIES_BYTES",
    "Allowance",
]

ANSWER_BYTES: Final = 64 * 2**20
"""Bytes of a page of a list, or of the answer to a request to store."""

INSTANCE_BYTES: Final = 2 * 2**30
MESSAGE_BYTES: Final = 2**30
"""Bytes of an instance that is held in memory while it comes."""

PDU_BYTES: Final = 2**24
"""Bytes of a PDU over DIMSE; we ask for 16 KiB, which not every server heeds."""

SERIES_BYTES: Final = 64 * 2**30

MOST_INSTANCES: Final = 100_000
"""Instances of a series."""

MOST_REPORTS: Final = 10_000
"""Reports that a transfer goes on, beyond one for each instance."""

MOST_SERIES: Final = 100_000
"""Series in a list."""

MOST_PAGES: Final = 1000
"""Pages of a list."""

LIST_S: Final = 3600.0
"""Seconds for all pages of a list."""

LIST_RATE: Final = 1000
"""Bytes per second of a list, at least: its answers are short, and a server may look for each."""

_SLOWEST: Final = 10_000
"""Bytes per second of any other transfer, at least, on average once `_PATIENCE` timeouts have passed."""

_PATIENCE: Final = 4


class Allowance:
    """The bytes and the time that an answer may take.

    Time grows with the bytes that were transferred, so that a large series may take long and a trickle may not.

    Args:
        timeout_s: seconds to wait for an answer; a transfer as a whole may take four times as long, and more once
            more bytes have come.
        most: bytes of a message.
        total: bytes of all messages; by default those of one.
        slowest: bytes per second that a longer transfer has to reach on average.
        sent: bytes that are sent before the answer.
    """

    def __init__(
        self, timeout_s: float, most: int, *, total: int | None = None, slowest: int = _SLOWEST, sent: int = 0
    ) -> None:
        self._timeout_s, self._most, self._slowest = timeout_s, most, slowest
        self._total = most if total is None else total
        self._lock, self._exceeded = Lock(), ""
        self.restart(sent=sent)

    def restart(self, *, sent: int = 0) -> None:
        """Count from nothing: another answer is waited for.

        Args:
            sent: bytes that are sent before it.
        """
        self._end = time.monotonic() + _PATIENCE * self._timeout_s + sent / self._slowest
        self._came = self._of_message = 0

    def next_message(self) -> None:
        """Count the bytes of a message from nothing, but the time and the total go on."""
        self._of_message = 0

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self._end + self._came / self._slowest - time.monotonic()

    def take(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            PermanentError: they are too many, or too slow.
        """
        with self._lock:
            self._came += count
            self._of_message += count
            if self._of_message > self._most or self._came > self._total:
                self._exceeded = f"it sends more than {min(self._most, self._total)} bytes"
        self.check()
        self.check_time()

    def use_up(self, why: str) -> None:
        """Let nothing more come; `check` and `take` raise why."""
        self._exceeded = self._exceeded or why

    def check_time(self) -> None:
        """Raise if the time is over.

        Raises:
            PermanentError: it is.
        """
        if self.left_s < 0:
            self._exceeded = f"it sends less than {self._slowest} bytes per second (--timeout allows more time)"
            self.check()

    def check(self) -> None:
        """Raise why it was exceeded, if it was.

        Raises:
            PermanentError: more bytes came than may come, or they came too slowly.
        """
        if self._exceeded:
            raise PermanentError(self._exceeded)
