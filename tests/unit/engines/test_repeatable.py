"""The same bytes whatever the number of threads, alone or after other scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import tiny_description
from threadpoolctl import threadpool_limits

from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.filling import fill
from medpaint.engines.registry import engine_names, load_engine
from medpaint.phantoms import head

pytestmark = pytest.mark.slow

SHAPE = (40, 44, 36)


def scan(seed: int) -> Volume:
    noise = np.random.default_rng(seed).normal(0.0, 0.02, SHAPE)
    return Volume.of((head(SHAPE, (9.0, 9.0, 9.0)) + noise).astype(np.float32))


def hole(name: str) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[np.s_[:, :, 16:18] if name == "resnet2d" else np.s_[16:24, 18:26, 14:20]] = True
    return mask


def filled(name: str, threads: int, folder: Path, *, before: int = 0) -> bytes:
    """Return the bytes of a fill, made after those of other scans."""
    import torch

    described = {"network": tiny_description(folder)} if name == "monai" else {}
    had, engine = torch.get_num_threads(), load_engine(name, **described)
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            for number in range(before):
                fill(scan(number + 1), hole(name), engine, seed=number)
            return fill(scan(0), hole(name), engine, seed=3).values.tobytes()
    finally:
        torch.set_num_threads(had)


@pytest.mark.parametrize("name", engine_names())
def test_fills_do_not_depend_on_threads_or_on_other_scans(name: str, tmp_path: Path) -> None:
    alone = filled(name, 1, tmp_path)
    assert filled(name, 2, tmp_path) == alone
    assert filled(name, 2, tmp_path, before=2) == alone


@pytest.mark.parametrize("name", ["harmonic", "biharmonic"])
@pytest.mark.parametrize("box", [(20, 20, 1), (19, 19, 1), (19, 19, 19)], ids=str)
def test_smooth_fills_do_not_depend_on_threads(name: str, box: tuple[int, int, int]) -> None:
    """The boxes make coarsest grids of 400, 361 and 343 unknowns, whose direct solution threads would share.

    The voxels are float64: rounded to float32, most fills come out the same in spite of that.
    """
    image = np.random.default_rng(0).random(tuple(side + 10 for side in box))
    mask = np.zeros(image.shape, dtype=bool)
    mask[tuple(slice(5, 5 + side) for side in box)] = True
    fills = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            fills.append(fill(Volume.of(image), mask, load_engine(name)).values)
    assert fills[0].dtype == np.float64
    assert fills[0].tobytes() == fills[1].tobytes()
