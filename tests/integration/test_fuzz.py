"""Damaged files of every sort: a clear error or a volume, never a crash, a trace, a hang, or gigabytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzed import KINDS
from fuzzing import outcomes

pytestmark = pytest.mark.slow

ROUNDS = 200
PEAK = 600 * 2**20


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    found = outcomes(kind, ROUNDS, tmp_path)
    assert not found.faults
    assert found.counts.total() == ROUNDS
    assert found.counts["read"] < ROUNDS
    assert found.peak < PEAK
