"""The choice of an engine: what `auto` picks and why, and how the parameters apply."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import tiny_weights

import medpaint
from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.types import Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.engines.choice import Chosen, choice_names, choose
from medpaint.engines.classical.biharmonic import takes_longer
from medpaint.engines.filling import Filling, fill
from medpaint.engines.learned.engine import Learned
from medpaint.engines.membrane import Membrane
from medpaint.engines.registry import ENGINES, engine_names
from medpaint.parameters import FillParameters
from medpaint.phantoms import head

ISOTROPIC: Spacing = (1.0, 1.0, 1.0)
COARSE: Spacing = (2.0, 2.0, 2.0)
SHAPE = (30, 32, 28)


def chosen(engine: str, mask: Mask, spacing_mm: Spacing = ISOTROPIC, **options: Any) -> Chosen:
    return choose(FillParameters(engine=engine, **options), mask, spacing_mm)


def slab(count: int) -> Mask:
    """Return a slab that almost reaches from side to side."""
    mask = np.zeros((75, 75, 75), dtype=bool)
    mask[:-1, :, 10 : 10 + count] = True
    return mask


def lost(count: int, *first: int) -> Mask:
    """Return lost slices."""
    mask = np.zeros((150, 150, 150), dtype=bool)
    for one in first:
        mask[:, :, one : one + count] = True
    return mask


def small() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:15, 12:16, 10:14] = True
    return mask


def filling(one: Chosen, mask: Mask) -> Filling:
    return fill(Volume.of(head(SHAPE, (6.0, 6.0, 6.0)).astype(np.float32)), mask, one.engine)


def test_auto_can_be_chosen_but_is_not_an_engine() -> None:
    assert choice_names() == ("auto", *engine_names())
    assert "auto" not in ENGINES


def test_a_named_engine_is_chosen_as_asked() -> None:
    assert chosen("telea", slab(60)).name == "telea"
    assert chosen("telea", slab(60)).reason == "as asked"


def test_an_unknown_name_is_refused_with_all_names_and_the_closest() -> None:
    with pytest.raises(UsageError, match=r"auto, nearest, harmonic.*'harmonics'.*did you mean 'harmonic'"):
        chosen("harmonics", small())


def test_the_reason_names_what_is_left_to_biharmonic() -> None:
    assert chosen("resnet2d", lost(3, 20)).reason == "as asked"
    assert "biharmonic fills other holes" in chosen("resnet2d", slab(3)).reason


@pytest.mark.parametrize(
    ("spacing", "name"), [((1.0, 1.0, 1.2), "unet3d"), ((0.9, 0.9, 5.0), "unet2d"), ((5.0, 0.9, 0.9), "unet2d")]
)
def test_auto_fills_thick_slices_slice_by_slice(spacing: Spacing, name: str) -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[18:21, 10:20, 10:20] = True
    assert chosen("auto", mask, spacing).name == name


@pytest.mark.parametrize("name", ["unet3d", "unet2d"])
def test_the_effort_applies_to_a_named_network(name: str) -> None:
    assert chosen(name, slab(1), effort="fast").options == {"pace": "brisk", "flips": False}
    assert chosen(name, slab(1), effort="best").options == {"pace": "thorough", "flips": True}
    assert chosen("exemplar", slab(1), effort="best").options == {}


def test_the_time_allowed_decides_on_a_larger_hole() -> None:
    large = np.zeros((64, 25, 25), dtype=bool)
    large[4:21, 4:21, 4:21] = large[43:60, 4:21, 4:21] = True
    fast, best = (chosen("auto", large, (6.5, 6.5, 6.5), effort=effort) for effort in ("fast", "best"))
    assert (fast.name, best.name) == ("biharmonic", "unet3d")
    assert "effort fast allows" in fast.reason
    assert best.reason.startswith("auto: exemplars take about ")


@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.9, 0.9, 5.0)])
def test_auto_gives_lost_slices_to_their_network(spacing: Spacing) -> None:
    one = chosen("auto", lost(4, 20, 60), spacing)
    assert (one.name, one.reason, one.options) == ("resnet2d", "auto: lost slices", {"flips": False})
    assert chosen("auto", lost(4, 20), spacing, effort="best").options == {"flips": True}


@pytest.mark.parametrize("mask", [lost(13, 20), lost(2, 0), lost(8, *range(10, 130, 10))])
def test_auto_gives_other_slices_to_other_engines(mask: Mask) -> None:
    assert chosen("auto", mask).name in {"unet3d", "biharmonic"}


def test_auto_says_why_many_lost_slices_are_not_for_the_network() -> None:
    one = chosen("auto", lost(1, *range(2, 148, 2)))
    assert one.name == "biharmonic"
    assert one.reason == "auto: lost slices; resnet2d would take about 33 s (estimated), effort fast allows 20 s"
    assert chosen("auto", lost(1, *range(2, 148, 2)), effort="best").name == "resnet2d"


def test_padding_makes_no_difference_to_lost_slices() -> None:
    void = np.zeros((150, 150, 150), dtype=bool)
    void[:40] = True
    mask = lost(4, 20) & ~void
    assert choose(FillParameters(), mask, ISOTROPIC, void=void).name == "resnet2d"
    assert choose(FillParameters(), mask, ISOTROPIC).name != "resnet2d"
    assert choose(FillParameters(engine="resnet2d"), mask, ISOTROPIC, void=void).reason == "as asked"


def test_auto_reports_a_hole_too_large_for_exemplars() -> None:
    one = chosen("auto", slab(50), COARSE, effort="best")
    assert one.name == "biharmonic"
    assert "too large" in one.reason


def test_auto_reports_voxels_too_large_for_exemplars() -> None:
    assert "voxels are too large" in chosen("auto", small(), (40.0, 40.0, 40.0)).reason


def test_device_and_weights_reach_the_network(tmp_path: Path) -> None:
    path = tiny_weights("unet3d", tmp_path, output=0.1)
    one = chosen("unet3d", small(), weights=str(path), device="cuda")
    assert one.engine == Learned("unet3d", path, "brisk", flips=False, device="cuda")


def test_auto_gives_its_network_the_device_and_the_effort() -> None:
    assert chosen("auto", small(), device="cuda", effort="best").engine == Learned(
        "unet3d", None, "thorough", flips=True, device="cuda"
    )


@pytest.mark.parametrize("engine", ["biharmonic", "exemplar", "auto"])
def test_weights_for_an_engine_without_a_network_are_refused(engine: str, tmp_path: Path) -> None:
    path = tiny_weights("unet3d", tmp_path, output=0.1)
    with pytest.raises(UsageError, match=f"engines unet3d, unet2d, resnet2d with weights, got {engine}"):
        chosen(engine, small(), weights=str(path))


def test_missing_weights_are_refused_before_anything_is_filled() -> None:
    with pytest.raises(UnreadableError, match=r"nowhere\.safetensors: expected a file of weights for unet3d"):
        chosen("unet3d", small(), weights="nowhere.safetensors")


@pytest.mark.parametrize("membrane", [False, True])
def test_the_network_that_filled_something_is_named_by_its_weights(tmp_path: Path, *, membrane: bool) -> None:
    path = tiny_weights("resnet2d", tmp_path, output=0.1)
    gap = np.zeros(SHAPE, dtype=bool)
    gap[:, :, 12:14] = True
    one = chosen("resnet2d", gap, weights=str(path), membrane=membrane)
    assert isinstance(one.engine, Membrane) == membrane
    done = filling(one, gap)
    assert done.filled_by == {"resnet2d": np.count_nonzero(gap)}
    assert len(done.weights_sha256) == 64
    assert done.device == "cpu"


def test_weights_that_filled_nothing_are_not_named() -> None:
    one = chosen("resnet2d", small())
    done = filling(one, small())
    assert done.filled_by == {"biharmonic": np.count_nonzero(small())}
    assert done.weights_sha256 == ""
    other = chosen("nearest", small())
    assert filling(other, small()).weights_sha256 == ""


def test_engines_are_only_created_through_the_choice() -> None:
    package = Path(medpaint.__file__).parent
    callers = [path for folder in ("pipeline", "evaluation", "demo") for path in (package / folder).glob("*.py")]
    assert callers
    for path in callers:
        names = [
            alias.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        assert "load_engine" not in names, path
        assert "Membrane" not in names, path


def test_auto_fills_a_hole_that_is_too_deep_for_biharmonic_by_harmonic() -> None:
    mask = np.zeros((200, 200, 200), dtype=bool)
    mask[4:-4, 4:-4, 4:-4] = True
    assert chosen("auto", mask).name == "harmonic"
    assert chosen("auto", mask).reason == "auto: biharmonic would take longer than 600 s"


def test_the_time_of_biharmonic_grows_with_the_depth_of_the_hole() -> None:
    specks = np.random.default_rng(0).random((60, 60, 60)) < 0.5
    box = np.zeros((60, 60, 60), dtype=bool)
    box[5:-5, 5:-5, 5:-5] = True
    assert takes_longer(box, 1.0)
    assert not takes_longer(specks, 1.0)
    assert not takes_longer(np.zeros_like(box), 0.0)
