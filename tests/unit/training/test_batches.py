"""The batches of each training step."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medpaint.core.types import FloatArray
from medpaint.engines.learned.start import CHANNELS
from medpaint.training.bank import Bank

if TYPE_CHECKING:
    from medpaint.training.batches import Batch

HOLE = CHANNELS.index("hole")
EDGE = 6


def patches(slices: int, axes: int) -> FloatArray:
    """Return three patches whose target is twice their first fill in the hole, and 0 elsewhere."""
    rng = np.random.default_rng(0)
    shown = rng.normal(size=(3, len(CHANNELS) * slices, *[EDGE] * axes)).astype(np.float16)
    holes = rng.random((3, slices, *[EDGE] * axes)) < 0.4
    shown[:, HOLE * slices : (HOLE + 1) * slices] = holes
    middle = slices // 2
    return np.concatenate([shown, (2 * shown[:, middle] * holes[:, middle])[:, np.newaxis]], axis=1)


def bank_in(folder: Path, slices: int = 1, axes: int = 3) -> Bank:
    """Write two cases of three patches each."""
    files = []
    for number in range(2):
        files.append(folder / f"{number}.npy")
        np.save(files[-1], patches(slices, axes) + np.float16(0))
    return Bank(tuple(files), ("blob", "slices"), 3)


def same(one: Batch, other: Batch) -> bool:
    import torch

    pairs = ((one.shown, other.shown), (one.missing, other.missing), (one.hole, other.hole))
    return all(torch.equal(left, right) for left, right in pairs)


def test_a_batch_depends_on_its_step_alone(tmp_path: Path) -> None:
    from medpaint.training.batches import batches

    bank = bank_in(tmp_path)
    whole = list(islice(batches(bank, seed=3, size=2, first=0), 6))
    resumed = list(islice(batches(bank, seed=3, size=2, first=4), 2))
    assert same(resumed[0], whole[4])
    assert same(resumed[1], whole[5])
    assert not same(whole[4], whole[5])


@pytest.mark.parametrize("other", [{"seed": 4}, {"rank": 1}])
def test_another_seed_or_process_gets_other_batches(tmp_path: Path, other: dict[str, int]) -> None:
    from medpaint.training.batches import batches

    bank = bank_in(tmp_path)
    first = next(batches(bank, size=2, first=0, seed=3, rank=0))
    assert not same(first, next(batches(bank, size=2, first=0, **{"seed": 3, "rank": 0, **other})))


@pytest.mark.parametrize(("slices", "axes"), [(1, 3), (3, 2)])
def test_a_batch_is_split_into_input_target_and_hole(tmp_path: Path, slices: int, axes: int) -> None:
    import torch

    from medpaint.training.batches import batches

    batch = next(batches(bank_in(tmp_path, slices, axes), seed=0, size=4, first=0))
    assert batch.shown.shape == (4, len(CHANNELS) * slices, *[EDGE] * axes)
    assert batch.missing.shape == batch.hole.shape == (4, 1, *[EDGE] * axes)
    assert torch.equal(batch.hole[:, 0], batch.shown[:, HOLE * slices + slices // 2])


@pytest.mark.parametrize(("slices", "axes"), [(1, 3), (3, 2)])
def test_input_target_and_hole_are_turned_together(slices: int, axes: int) -> None:
    import torch

    from medpaint.training.batches import _batch, _turned

    patch = patches(slices, axes)[0].astype(np.float32)
    rng = np.random.default_rng(1)
    seen = [_turned(patch, rng) for _ in range(250)]
    turned = _batch(seen)
    first = turned.shown[:, slices // 2 : slices // 2 + 1]
    assert torch.allclose(turned.missing, 2 * first * turned.hole, atol=1e-2)
    assert len({one.tobytes() for one in seen}) > 5
    sums = np.sort(np.abs(patch).sum(axis=tuple(range(1, patch.ndim))))
    for one in seen:
        assert np.allclose(np.sort(np.abs(one).sum(axis=tuple(range(1, one.ndim)))), sums, rtol=1e-3)


@pytest.mark.parametrize(("slices", "axes"), [(1, 3), (3, 2)])
def test_first_fill_and_target_stay_consistent(slices: int, axes: int) -> None:
    from medpaint.training.batches import _hidden, _recoloured

    patch = patches(slices, axes)[0].astype(np.float32)
    middle = slices // 2
    start, hole = patch[middle], patch[HOLE * slices + middle]
    smooth = np.where(hole > 0, patch[slices + middle], start)
    patch[slices + middle] = smooth
    truth = start + patch[-1]
    rng = np.random.default_rng(2)
    factors = []
    for _ in range(40):
        other = _recoloured(_hidden(patch.copy(), rng), rng)
        np.testing.assert_array_equal(other[HOLE * slices : (HOLE + 1) * slices], patch[HOLE * slices :][:slices])
        factor, shift = np.polyfit(truth.ravel(), (other[middle] + other[-1] * (hole > 0)).ravel(), 1)
        inside = hole > 0
        whole = other[middle][inside] + other[-1][inside]
        np.testing.assert_allclose(whole, factor * truth[inside] + shift, atol=1e-2)
        factors.append(factor)
    assert min(factors) < 0.0 < max(factors)


def test_validation_uses_every_patch_once_in_order_and_unchanged(tmp_path: Path) -> None:
    import torch

    from medpaint.training.batches import ordered

    bank = bank_in(tmp_path)
    found = list(ordered(bank, 4))
    assert [cases for _, cases in found] == [[0, 0, 0, 1], [1, 1]]
    shown = torch.cat([batch.shown for batch, _ in found])
    assert torch.equal(shown, torch.from_numpy(np.concatenate([patches(1, 3)[:, :-1]] * 2)).float())
