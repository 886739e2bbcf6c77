"""The engine `auto`: what it picks, and that it says why."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Mask
from medpaint.engines.choice import Auto, chosen
from medpaint.engines.registry import ENGINES, load_engine
from medpaint.phantoms import head
from medpaint.pipeline.restore import restore

ISOTROPIC = (1.0, 1.0, 1.0)


def slab(count: int) -> Mask:
    """Return a slab that all but reaches from side to side."""
    mask = np.zeros((150, 150, 150), dtype=bool)
    mask[:-1, :, 20 : 20 + count] = True
    return mask


def lost(count: int, *first: int) -> Mask:
    """Return lost slices."""
    mask = np.zeros((150, 150, 150), dtype=bool)
    for one in first:
        mask[:, :, one : one + count] = True
    return mask


def test_a_named_engine_is_taken_as_asked() -> None:
    assert chosen("telea", slab(60), ISOTROPIC).name == "telea"
    assert chosen("telea", slab(60), ISOTROPIC).reason == "as asked"


def test_it_is_said_where_the_network_of_lost_slices_is_asked_for_other_holes() -> None:
    assert chosen("resnet2d", lost(3, 20), ISOTROPIC).reason == "as asked"
    assert "filled as biharmonic does" in chosen("resnet2d", slab(3), ISOTROPIC).reason


@pytest.mark.parametrize(
    ("spacing", "name"), [((1.0, 1.0, 1.2), "unet3d"), ((0.9, 0.9, 5.0), "unet2d"), ((5.0, 0.9, 0.9), "unet2d")]
)
def test_thick_slices_are_filled_slice_by_slice(spacing: tuple[float, float, float], name: str) -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[18:21, 10:20, 10:20] = True
    assert chosen("auto", mask, spacing).name == name


@pytest.mark.parametrize("name", ["unet3d", "unet2d"])
def test_the_effort_also_holds_for_a_network_that_is_named(name: str) -> None:
    assert chosen(name, slab(1), ISOTROPIC, effort="fast").options == {"pace": "brisk", "flips": False}
    assert chosen(name, slab(1), ISOTROPIC, effort="best").options == {"pace": "thorough", "flips": True}
    assert chosen("exemplar", slab(1), ISOTROPIC, effort="best").options == {}


def test_the_time_allowed_decides_on_a_larger_hole() -> None:
    large = np.concatenate([slab(18)] * 3, axis=2)
    fast, best = (chosen("auto", large, ISOTROPIC, effort=effort) for effort in ("fast", "best"))
    assert (fast.name, best.name) == ("biharmonic", "unet3d")
    assert "effort fast allows" in fast.reason


@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.9, 0.9, 5.0)])
def test_lost_slices_go_to_their_network(spacing: tuple[float, float, float]) -> None:
    choice = chosen("auto", lost(4, 20, 60), spacing)
    assert (choice.name, choice.options) == ("resnet2d", {"flips": False})
    assert choice.reason == "auto: lost slices"
    assert chosen("auto", lost(4, 20), spacing, effort="best").options == {"flips": True}


@pytest.mark.parametrize("mask", [lost(9, 20), lost(2, 0), lost(8, *range(10, 130, 10))])
def test_other_slices_do_not(mask: Mask) -> None:
    assert chosen("auto", mask, ISOTROPIC).name in {"unet3d", "biharmonic"}


def test_what_is_too_large_for_exemplars_is_said_to_be() -> None:
    choice = chosen("auto", slab(100), ISOTROPIC, effort="best")
    assert choice.name == "biharmonic"
    assert "too large" in choice.reason


def test_voxels_can_be_too_large_for_exemplars() -> None:
    assert "voxels are too large" in chosen("auto", lost(1, 20), (1.0, 1.0, 40.0)).reason


@pytest.mark.parametrize(
    ("name", "spacing"),
    [("unet3d", (1.0, 1.0, 1.0)), ("unet2d", (1.0, 1.0, 4.0)), ("biharmonic", (40.0, 40.0, 40.0))],
)
def test_fills_as_the_engine_that_it_picks(name: str, spacing: tuple[float, float, float]) -> None:
    image = head((30, 32, 28), (6.0, 6.0, 6.0))
    mask = np.zeros(image.shape, dtype=bool)
    mask[10:16, 12:17, 10:15] = True
    assert chosen("auto", mask, spacing).name == name
    auto = Auto().fill(image, mask, spacing_mm=spacing, seed=3)
    np.testing.assert_array_equal(auto, load_engine(name).fill(image, mask, spacing_mm=spacing, seed=3))


def test_the_record_names_the_engine_and_the_reason() -> None:
    image = head((30, 32, 28), (6.0, 6.0, 6.0))
    mask = np.zeros(image.shape, dtype=bool)
    mask[10:14, 12:15, 10:14] = True
    engine = restore(image, mask).record.engine
    assert engine is not None
    assert engine.name == "unet3d"
    assert engine.weights_sha256 == ENGINES["unet3d"].weights_sha256
    assert engine.reason.startswith("auto: ")
