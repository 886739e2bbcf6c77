"""The bytes and the time that an answer may take."""

from __future__ import annotations

import time

import pytest

from medpaint.pacs.limits import Allowance
from medpaint.pacs.retry import PermanentError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_bytes_are_limited() -> None:
    allowance = Allowance(1.0, 10)
    allowance.take(10)
    with pytest.raises(PermanentError, match="more than 10 bytes"):
        allowance.take(1)
    with pytest.raises(PermanentError, match="more than 10 bytes"):
        allowance.check()


def test_messages_are_limited_each_and_together() -> None:
    allowance = Allowance(1.0, 10, total=15)
    allowance.take(10)
    allowance.next_message()
    allowance.take(5)
    with pytest.raises(PermanentError, match="sends more than"):
        allowance.take(1)


def test_a_trickle_is_ended(clock: list[float]) -> None:
    allowance = Allowance(1.0, 10**9)
    for second in range(5):
        clock[0] = float(second)
        allowance.take(1)
    clock[0] = 5.0
    with pytest.raises(PermanentError, match="less than 10000 bytes per second"):
        allowance.take(1)


def test_a_long_transfer_may_take_long(clock: list[float]) -> None:
    allowance = Allowance(1.0, 10**9)
    for second in range(1000):
        clock[0] = float(second)
        allowance.take(10_000)


def test_what_is_sent_gives_time(clock: list[float]) -> None:
    allowance = Allowance(1.0, 10, sent=100_000)
    clock[0] = 13.0
    allowance.take(1)
    allowance.restart()
    assert allowance.left_s == 4.0
