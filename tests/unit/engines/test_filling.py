"""Filling by an engine: crops, the check of its answer, and the count of what filled each voxel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from medpaint.core.errors import EngineError, MaskError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.nearest import Nearest
from medpaint.engines.filling import fill

SHAPE = (24, 20, 18)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Answering:
    """Fills with the values around a hole, then answers with some of its fill replaced."""

    changes: dict[str, Any]
    context_mm: float = 2.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        changes = {name: change(hole) if callable(change) else change for name, change in self.changes.items()}
        return replace(Nearest().fill(hole, seed=seed), **changes)


@dataclass(frozen=True)
class Ranked:
    """Two samples of each voxel's number among the masked ones; larger numbers are filled by `late`."""

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        numbers = np.arange(np.count_nonzero(hole.mask), dtype=hole.image.dtype)
        return Fill(np.stack([numbers, numbers + seed]), ("early", "late"), (numbers >= 10).astype(np.uint8))


def volume() -> Volume:
    return Volume.of(np.random.default_rng(0).random(SHAPE, dtype=np.float32))


def two_holes() -> Mask:
    """Return holes that are two crops, and overlap along the first two axes."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:8, 5:8, 2:4] = True
    mask[5:7, 4:7, 13:15] = True
    return mask


def values_of(hole: Hole) -> Any:
    return Nearest().fill(hole, seed=0).values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": lambda hole: values_of(hole)[0]}, r"expected values of shape \(samples, \d+\), got \(\d+,\)"),
        ({"values": lambda hole: values_of(hole)[:, 1:]}, r"expected values of shape \(samples, \d+\)"),
        ({"values": lambda hole: values_of(hole)[:0]}, r"expected values of shape \(samples, \d+\), got \(0, "),
        ({"values": lambda hole: values_of(hole).astype(float)}, "expected values of type float32, got float64"),
        ({"values": lambda hole: values_of(hole) * np.float32(np.nan)}, "expected finite values, got 24 of 24"),
        ({"values": lambda hole: values_of(hole) * np.float32(np.inf)}, "expected finite values"),
        ({"filled_by": lambda hole: np.ones(hole.mask.sum(), np.uint8)}, "expected one of 1 fillers"),
        ({"filled_by": lambda _: np.zeros(3, np.uint8)}, "expected one of 1 fillers for each of 24 voxels"),
        ({"filled_by": lambda hole: np.zeros(hole.mask.sum())}, "got float64"),
        (
            {"values": lambda hole: np.repeat(values_of(hole), hole.mask.sum(), 0)},
            "the same number of samples for every",
        ),
    ],
)
def test_an_answer_that_breaks_the_contract_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message) as refused:
        fill(volume(), two_holes(), Answering(changes))
    assert refused.value.exit_code == 1
    assert "bug in the engine" in str(refused.value)


def test_values_of_all_crops_come_in_the_order_of_the_mask() -> None:
    scan, mask = volume(), two_holes()
    done = fill(scan, mask, Nearest())
    assert done.windows == 2
    expected = Nearest().fill(Hole(scan.intensities(), mask, (1.0, 1.0, 1.0)), seed=0)
    np.testing.assert_array_equal(done.values, expected.values)


def test_an_engine_sees_right_anterior_superior_axes() -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:8, 5:8, 2:4] = True
    stored = Volume.of(np.asarray(volume().data), LPS)
    numbers = np.flip(fill(stored, mask, Ranked()).values[0].reshape(4, 3, 2), (0, 1))
    np.testing.assert_array_equal(numbers.ravel(), np.arange(24.0))


def test_every_sample_is_returned() -> None:
    done = fill(volume(), two_holes(), Ranked(), seed=7)
    assert done.values.shape == (2, 36)
    np.testing.assert_array_equal(done.values[1], done.values[0] + 7)


def test_masked_voxels_are_counted_by_filler_largest_first() -> None:
    done = fill(volume(), two_holes(), Ranked())
    assert list(done.filled_by.items()) == [("early", 20), ("late", 16)]
    one = np.zeros(SHAPE, dtype=bool)
    one[5, 5, 5] = True
    assert fill(volume(), one, Ranked()).filled_by == {"early": 1}


def test_non_finite_voxels_near_the_mask_are_not_counted() -> None:
    data = np.asarray(volume().data).copy()
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:12, 10:12, 9] = True
    data[9, 10:12, 9] = np.nan
    data[0] = np.nan
    done = fill(Volume.of(data), mask, Nearest())
    assert done.filled_by == {"nearest": 4}
    assert np.isfinite(done.values).all()


def test_a_mask_part_without_finite_voxels_around_it_is_refused() -> None:
    data = np.asarray(volume().data).copy()
    data[:10] = np.nan
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3, 3, 3] = mask[20, 10, 10] = True
    with pytest.raises(MaskError, match="no finite voxel around voxels I 1-5 J 1-5 K 1-5"):
        fill(Volume.of(data), mask, Nearest())


def test_an_empty_mask_has_no_values() -> None:
    done = fill(volume(), np.zeros(SHAPE, dtype=bool), Nearest())
    assert done.values.shape == (1, 0)
    assert (done.filled_by, done.windows) == ({}, 0)


def test_progress_goes_from_0_to_1() -> None:
    fractions: list[float] = []
    fill(volume(), two_holes(), Nearest(), progress=lambda _, done: fractions.append(done))
    assert fractions == [0.0, 0.5, 1.0]
