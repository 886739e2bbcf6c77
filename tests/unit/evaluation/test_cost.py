"""Time and memory of a piece of work."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from medpaint.evaluation.cost import measured


def test_memory_is_that_of_the_work_on_every_measurement() -> None:
    def work() -> float:
        return float(np.ones(12_000_000).sum())

    peaks = [measured(work).peak_mb for _ in range(2)]
    if any(map(math.isnan, peaks)):
        pytest.skip("this system does not report the peak of the resident memory")
    assert all(90.0 < peak < 140.0 for peak in peaks)
    assert measured(lambda: 1).peak_mb < 20.0


def test_result_and_seconds_are_returned() -> None:
    def work() -> str:
        time.sleep(0.01)
        return "done"

    cost = measured(work)
    assert cost.result == "done"
    assert 0.01 <= cost.seconds < 5.0
