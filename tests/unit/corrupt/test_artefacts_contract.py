"""The contract of artefacts, for every row of the table."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from medpaint.core.encoding import Encoding
from medpaint.core.errors import InputError, UsageError
from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.corrupt.artefacts.table import ARTEFACTS, Artefact, find_artefact
from medpaint.phantoms import head

SHAPE = (28, 32, 20)
SPACING = (3.0, 3.0, 4.0)
SEEDS = (0, 1, 3, 7, 13, 15)
"""Enough to draw every variant of every kind; the first ones of most."""

FEW = SEEDS[:2]

every_kind = pytest.mark.parametrize("artefact", ARTEFACTS.values(), ids=ARTEFACTS)


def clean(artefact: Artefact, dtype: str = "<i2") -> Volume:
    """Return a head with noise: MR, or Hounsfield units with a slope and an intercept."""
    image = head(SHAPE, SPACING)
    channels = np.random.default_rng(0).normal(0.0, 0.01, (2, *SHAPE))
    values: Array = 1000.0 * np.hypot(image + channels[0], channels[1])
    encoding = Encoding.of(np.dtype(dtype), slope=0.5)
    if artefact.scans == "CT":
        values = np.where(image > 0.0, 1500.0 * values / 1000.0 - 300.0, -1000.0 + values)
        encoding = Encoding.of(np.dtype(dtype), slope=0.5, intercept=-1000.0)
    return Volume(encoding.encode(values), np.diag([*SPACING, 1.0]), encoding)


def change(before: Volume, after: Volume) -> float:
    """Return the RMS of the change in intensity; a voxel that became NaN counts as one that became 0."""
    one, other = (np.nan_to_num(volume.intensities().astype(float)) for volume in (before, after))
    return float(np.sqrt(np.mean((one - other) ** 2)))


@every_kind
@pytest.mark.parametrize("dtype", ["<i2", "<f4"])
def test_artefact_keeps_the_contract(artefact: Artefact, dtype: str) -> None:
    for seed in SEEDS:
        volume = clean(artefact, dtype)
        made, again = artefact(volume, 0.3, seed), artefact(volume, 0.3, seed)
        differs = made.volume.data.view(f"u{volume.data.itemsize}") != volume.data.view(f"u{volume.data.itemsize}")

        assert made.volume.data.dtype == volume.data.dtype
        assert made.volume.shape == made.mask.shape == SHAPE
        assert made.volume.encoding == volume.encoding
        np.testing.assert_array_equal(made.volume.affine, volume.affine)
        assert made.mask.dtype == bool
        assert differs[made.mask].any()
        assert np.count_nonzero(differs) == made.facts["changed_voxels"]
        assert np.count_nonzero(differs & ~made.mask) == made.facts["changed_outside_mask"]
        assert artefact.reach == "beyond" or not differs[~made.mask].any()
        assert json.loads(json.dumps(dict(made.facts), allow_nan=False))["severity"] == 0.3

        np.testing.assert_array_equal(volume.data, clean(artefact, dtype).data)
        assert made.volume.data.tobytes() == again.volume.data.tobytes()
        np.testing.assert_array_equal(made.mask, again.mask)
        assert made.facts == again.facts


def test_the_seeds_draw_every_variant() -> None:
    drawn = {
        (name, str(made.facts.get("variant", "")), str(made.facts.get("content", "")))
        for name in ("missing", "dropout", "stripe")
        for made in (ARTEFACTS[name](clean(ARTEFACTS[name], "<f4"), 0.3, seed) for seed in SEEDS)
    }
    contents = [
        ("missing", form, content) for form in ("slices", "block") for content in ("zero", "constant", "nan")
    ]
    assert drawn == {
        *contents,
        *(("dropout", form, "") for form in ("single", "interleaved", "partial")),
        *(("stripe", form, "") for form in ("interleave", "venetian", "zipper")),
    }


@every_kind
def test_damage_of_slices_marks_only_slices_that_changed(artefact: Artefact) -> None:
    for seed in SEEDS:
        volume = clean(artefact)
        made = artefact(volume, 0.4, seed)
        if "slices" not in made.facts:
            continue
        axis = "IJK".index(str(made.facts["axis"]))
        others = tuple(other for other in range(3) if other != axis)
        marked = np.flatnonzero(made.mask.any(axis=others)).tolist()
        changed = np.flatnonzero((made.volume.data != volume.data).any(axis=others)).tolist()
        assert marked == made.facts["slices"] == changed


@every_kind
def test_severity_increases_the_change(artefact: Artefact) -> None:
    for seed in (0, 1, 3, 13):
        volume = clean(artefact, "<f4")
        changes = [change(volume, artefact(volume, step, seed).volume) for step in (0.0, 0.3, 0.6, 1.0)]
        assert changes[0] > 0.0
        assert (np.diff(changes) >= 0.0).all(), changes
        assert changes[-1] > 1.5 * changes[0]


@every_kind
def test_seeds_decide(artefact: Artefact) -> None:
    made = [artefact(clean(artefact), 0.2, seed).volume.data.tobytes() for seed in SEEDS]
    assert len(set(made)) > len(made) / 2


@every_kind
def test_blanked_background_stays_unless_the_voxels_are_missing(artefact: Artefact) -> None:
    volume = clean(artefact)
    blank = head(SHAPE, SPACING) == 0.0
    stored = np.where(blank, volume.data.min(), volume.data)
    for seed in FEW:
        made = artefact(replace(volume, data=stored), 0.5, seed)
        assert made.facts["background_kept"]
        kept = made.volume.data[blank] == stored[blank]
        assert kept.all() or artefact.name in ("missing", "void")


@every_kind
def test_non_finite_voxels_stay_unless_the_voxels_are_missing(artefact: Artefact) -> None:
    volume = clean(artefact, "<f4")
    stored = volume.data.copy()
    stored[::3, ::3, ::3] = np.nan
    for seed in FEW:
        made = artefact(replace(volume, data=stored), 0.5, seed)
        assert np.isnan(made.volume.data[::3, ::3, ::3]).all() or artefact.name == "missing"
        assert np.isfinite(made.volume.data[1::3]).all() or artefact.name == "missing"


@every_kind
def test_other_modality_is_refused(artefact: Artefact) -> None:
    for other in ("CT", "MR"):
        if artefact.scans not in ("any", other):
            with pytest.raises(InputError, match=f"expected {artefact.scans} for {artefact.name}"):
                artefact(clean(replace(artefact, scans=other)), 0.5, 0)


def test_empty_scan_is_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        ARTEFACTS["noise"](Volume.of(np.zeros((8, 8, 8), np.float32)), 0.5, 0)


@every_kind
@pytest.mark.parametrize("shape", [(40, 40, 1), (1, 40, 40), (40, 40, 2), (1, 1, 64), (1, 1, 1)])
def test_scans_of_few_slices_are_damaged_or_refused(artefact: Artefact, shape: tuple[int, int, int]) -> None:
    volume = Volume.of((1000.0 * head(shape)).astype(np.float32))
    for seed in range(4):
        try:
            made = artefact(volume, 1.0, seed)
        except InputError:
            continue
        assert made.mask.any()


def test_intensities_beyond_single_precision_are_refused() -> None:
    huge = (1e37 * head(SHAPE)).astype(np.float32)
    with pytest.raises(InputError, match="rescale them"):
        ARTEFACTS["motion"](Volume.of(huge), 0.5, 0)


@pytest.mark.parametrize(("severity", "seed"), [(-0.1, 0), (1.1, 0), (0.5, -1), (float("nan"), 0)])
def test_severity_and_seed_out_of_range_are_refused(severity: float, seed: int) -> None:
    with pytest.raises(UsageError, match="severity from 0 to 1"):
        ARTEFACTS["noise"](clean(ARTEFACTS["noise"]), severity, seed)


def test_damage_that_rounding_removes_is_refused() -> None:
    two = np.where(head(SHAPE) > 0.0, 2, 0).astype(np.uint8)
    two[18, 20, 12] = 3
    with pytest.raises(InputError, match="nothing is left"):
        ARTEFACTS["stripe"](Volume.of(two), 0.0, 0)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="one of missing"):
        find_artefact("smudge")
