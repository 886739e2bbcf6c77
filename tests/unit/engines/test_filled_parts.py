"""Masks of lost slices and other holes, filled part by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from networks import one_thread, tiny_weights

from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.engines.filling import fill
from medpaint.engines.parts import FilledPart, fill_parts, values_of
from medpaint.engines.registry import load_engine
from medpaint.engines.showing import void_of
from medpaint.parameters import FillParameters
from medpaint.phantoms import head

SHAPE = (40, 40, 44)

GAP, WHERE = slice(12, 14), slice(12, 18)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with one_thread():
        yield


def truth() -> FloatArray:
    made: FloatArray = (100.0 * head(SHAPE, (6.0, 6.0, 6.0)) + 10.0).astype(np.float32)
    return made


def lost() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, GAP] = True
    return mask


def hole() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[WHERE, WHERE, 10:19] = True
    return mask


def filled(mask: Mask, image: FloatArray | None = None, **options: str) -> tuple[FilledPart, ...]:
    image = truth() if image is None else image
    damaged = Volume.of(np.where(mask, np.float32(-1000.0), image))
    return fill_parts(damaged, mask, FillParameters.model_validate(options), void=void_of(damaged, mask))


def test_each_part_gets_its_engine_and_its_validation() -> None:
    holes, slices = filled(lost() | hole())
    assert (holes.part.kind, slices.part.kind) == ("other holes", "lost slices")
    assert holes.voxels == np.count_nonzero(hole() & ~lost())
    assert slices.voxels == np.count_nonzero(lost())
    assert holes.chosen.reason.startswith("auto: exemplars take about")
    assert slices.chosen.reason.startswith("auto: lost slices")
    assert holes.chosen.validation is not None
    assert "harmonic" in holes.chosen.validation.errors
    assert slices.chosen.validation is not None
    assert "linear" in slices.chosen.validation.errors


def test_lost_slices_are_filled_from_filled_holes(tmp_path: Path) -> None:
    weights = str(tiny_weights("resnet2d", tmp_path, output=0.0))
    mask = lost() | hole()
    holes, slices = filled(mask, engine="resnet2d", weights=weights)
    assert set(holes.filling.filled_by) == {"biharmonic"}
    values = values_of((holes, slices), mask)
    assert values.min() > 0.0  # nothing comes from what the mask hides
    seen = np.where(lost(), np.float32(-1000.0), truth())
    seen[hole() & ~lost()] = holes.filling.values[0]
    one = load_engine("resnet2d", weights=weights)
    alone = fill(Volume.of(seen), lost(), one)
    np.testing.assert_array_equal(slices.filling.values, alone.values)
    np.testing.assert_array_equal(values[lost()[mask]], alone.values[0])


def test_holes_are_filled_without_what_lost_slices_hold() -> None:
    mask = lost() | hole()
    loud = np.where(lost(), np.float32(1e4), truth())
    for one, other in zip(filled(mask, engine="linear"), filled(mask, loud, engine="linear"), strict=True):
        np.testing.assert_array_equal(one.filling.values, other.filling.values)


def test_filled_holes_are_no_truth_for_the_comparison_on_slices(tmp_path: Path) -> None:
    wide = np.zeros(SHAPE, dtype=bool)
    wide[2:14, 2:-2, 5:9] = wide[2:14, 2:-2, 17:21] = True
    tiny = {"engine": "resnet2d", "weights": str(tiny_weights("resnet2d", tmp_path, output=0.1))}
    _, slices = filled(lost() | wide, None, **tiny)
    assert slices.chosen.validation is not None
    (clean,) = filled(lost(), None, **tiny)
    assert clean.chosen.validation is not None
    assert slices.chosen.validation.voxels < clean.chosen.validation.voxels


@pytest.mark.parametrize("engine", ["biharmonic", "nearest"])
def test_other_engines_fill_a_mask_as_a_whole(engine: str) -> None:
    mask = lost() | hole()
    (part,) = filled(mask, engine=engine)
    damaged = Volume.of(np.where(mask, np.float32(-1000.0), truth()))
    np.testing.assert_array_equal(part.filling.values, fill(damaged, mask, load_engine(engine)).values)


def test_a_slice_masked_in_the_body_only_is_filled_by_the_network(tmp_path: Path) -> None:
    weights = str(tiny_weights("resnet2d", tmp_path, output=0.1))
    mask = lost() & (truth() > 10.0)
    (part,) = filled(mask, engine="resnet2d", weights=weights)
    assert set(part.filling.filled_by) == {"resnet2d"}
    (part,) = filled(mask, engine="linear")
    assert set(part.filling.filled_by) == {"linear"}


@pytest.mark.parametrize("engine", ["linear", "registered"])
def test_lost_slices_beside_slices_of_padding_are_filled_from_the_next_known_ones(engine: str) -> None:
    image = truth()
    image[:, :, GAP.stop : GAP.stop + 4] = np.nan
    (part,) = filled(lost(), image, engine=engine)
    assert part.filling.filled_by == {engine: np.count_nonzero(lost())}
    both = image[:, :, [GAP.start - 1, GAP.stop + 4]]
    assert part.filling.values.min() >= both.min()
    (whole,) = filled(lost() | np.isnan(image), image, engine=engine)
    np.testing.assert_array_equal(
        part.filling.values[0], whole.filling.values[0][lost()[lost() | np.isnan(image)]]
    )


def test_the_same_mask_is_filled_alike_whatever_it_holds_and_every_time(tmp_path: Path) -> None:
    tiny = {"engine": "resnet2d", "weights": str(tiny_weights("resnet2d", tmp_path, output=0.0, varied=0.1))}
    mask = lost() | hole()
    first, again = (values_of(filled(mask, None, **tiny), mask) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    other = np.where(mask, np.float32(7.0), truth())
    assert values_of(filled(mask, other, **tiny), mask).tobytes() == first.tobytes()


def test_progress_runs_once_over_all_parts() -> None:
    mask, heard = lost() | hole(), []
    damaged = Volume.of(np.where(mask, np.float32(0.0), truth()))
    fill_parts(damaged, mask, FillParameters(engine="linear"), progress=lambda _, share: heard.append(share))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
