"""What is scored, and what is left out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom, in_series
from scans import hole, phantom, save

from medpaint.core.errors import MedpaintError, UsageError
from medpaint.core.types import Mask, Spacing
from medpaint.corrupt import LesionShape
from medpaint.datasets.clean import read_clean
from medpaint.datasets.subjects import LeftOut, Subject, find_subjects
from medpaint.engines.base import Fill, Hole
from medpaint.engines.choice import Chosen, choose
from medpaint.evaluation.hole import hole_in
from medpaint.evaluation.kinds import hole_kinds
from medpaint.evaluation.pictures import hole_of
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row, evaluate
from medpaint.metrics import rmse
from medpaint.parameters import FillParameters

PLAN = Plan(("nearest", "harmonic"), hole_kinds(["blob:1-3", "slices:1-2"]))
ONE = Plan(("nearest",), hole_kinds(["blob:2"]))


def rows_of(found: list[Row | LeftOut]) -> list[Row]:
    return [replace(row, seconds=0.0, peak_mb=0.0) for row in found if isinstance(row, Row)]


def left_out_of(found: list[Row | LeftOut]) -> list[LeftOut]:
    return [one for one in found if isinstance(one, LeftOut)]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return save(phantom(), tmp_path / "sub-07_T1w.nii.gz")


def test_every_engine_is_scored_on_every_hole(clean: Path) -> None:
    rows = rows_of(list(evaluate([Subject.of(clean)], replace(PLAN, holes=2))))
    assert [(row.kind, row.bin, row.hole, row.engine) for row in rows] == [
        (kind, size, number, engine)
        for kind, size in (("blob", "1-3 ml"), ("slices", "1-2 slices"))
        for number in (0, 1)
        for engine in ("nearest", "harmonic")
    ]
    assert {row.person for row in rows} == {"sub-07"}
    assert all(1.0 <= row.hole_ml <= 3.0 for row in rows if row.kind == "blob")
    assert all(0.0 < row.scored_ml <= row.hole_ml + 1e-9 for row in rows)


def test_same_seed_gives_the_same_scores_alone_and_among_others(clean: Path, tmp_path: Path) -> None:
    other = save(phantom()[::-1].copy(), tmp_path / "other.nii.gz")
    alone = rows_of(list(evaluate([Subject.of(clean)], ONE)))
    among = rows_of(list(evaluate([Subject.of(other), Subject.of(clean)], ONE)))
    assert [row for row in among if row.scan == alone[0].scan] == alone
    assert rows_of(list(evaluate([Subject.of(clean)], replace(ONE, seed=1)))) != alone


def test_errors_are_those_in_the_hole(clean: Path) -> None:
    (row,) = rows_of(list(evaluate([Subject.of(clean)], ONE)))
    made = hole_of(row, [Subject.of(clean)], ONE)
    restored = made.restored(ONE.fill("nearest")).volume
    mask = made.reference.mask
    assert row.rmse == pytest.approx(rmse(phantom(), restored.data, mask))
    np.testing.assert_array_equal(restored.data[~mask], phantom()[~mask])
    assert not np.array_equal(made.damaged.data[mask], phantom()[mask])


def test_the_error_to_expect_is_what_the_scan_says(clean: Path) -> None:
    asked, named = rows_of(list(evaluate([Subject.of(clean)], replace(ONE, engines=("auto", "nearest")))))
    made = hole_of(asked, [Subject.of(clean)], ONE)
    (part,) = made.restored(ONE.fill("auto")).parts
    assert part.chosen.validation is not None
    assert asked.rmse_expected == part.chosen.validation.expected_error
    assert math.isnan(named.rmse_expected)


def test_error_relative_to_harmonic_needs_no_harmonic_in_the_plan(clean: Path) -> None:
    nearest, harmonic = rows_of(list(evaluate([Subject.of(clean)], replace(ONE, engines=("nearest", "harmonic")))))
    assert harmonic.rmse_vs_harmonic == 1.0
    assert nearest.rmse_vs_harmonic == pytest.approx(nearest.rmse / harmonic.rmse)
    assert rows_of(list(evaluate([Subject.of(clean)], ONE))) == [nearest]


def test_engine_is_chosen_as_in_restoration(clean: Path) -> None:
    made = hole_in(read_clean(Subject.of(clean)), hole_kinds(["slices:1"])[0], 0, seed=0)
    asked = FillParameters(engine="auto", membrane=True)
    chosen = choose(asked, made.reference.mask, made.damaged.spacing_mm, volume=made.damaged)
    assert [part.chosen for part in made.restored(asked).parts] == [chosen]
    assert chosen.validation is not None


def test_constant_offset_with_a_floor_changes_only_the_floor(tmp_path: Path) -> None:
    references = []
    for by in (1000, 1024):
        path = save(phantom() - np.int16(by), tmp_path / f"{by}.nii.gz")
        references.append(hole_in(read_clean(Subject.of(path)), ONE.kinds[0], 0, seed=0).reference)
    assert [one.floor for one in references] == [-1000.0, -1024.0]
    assert [one.truth.min() for one in references] == [0.0, 0.0]


def test_avoided_tissue_is_never_scored(clean: Path, tmp_path: Path) -> None:
    mask = save(hole(), tmp_path / "mask.nii.gz")
    kind = hole_kinds(["slab-k:6-8"])[0]
    read = read_clean(Subject.of(clean, avoid=mask))
    references = [hole_in(read, kind, number, seed=0).reference for number in range(8)]
    assert any((one.mask & hole()).any() for one in references)
    assert not any((one.scored & hole()).any() for one in references)


def test_non_finite_voxels_are_never_scored(tmp_path: Path) -> None:
    data = phantom().astype(np.float32)
    data[15, 15, 15] = np.nan
    path = save(data, tmp_path / "nan.nii.gz")
    rows = rows_of(list(evaluate([Subject.of(path)], replace(ONE, kinds=hole_kinds(["slab-i:8"]), holes=3))))
    assert len(rows) == 3
    assert all(math.isfinite(row.psnr) and math.isfinite(row.rmse) for row in rows)


def test_bad_scans_are_left_out_with_a_reason(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(clean.read_bytes()[:2000])
    save(hole(), tmp_path / "mask.nii.gz")
    found = list(evaluate(list(find_subjects([tmp_path])), ONE))
    reasons = {Path(one.path).name: one.reason for one in left_out_of(found)}
    assert set(reasons) == {"broken.nii.gz", "mask.nii.gz"}
    assert "as in a mask" in reasons["mask.nii.gz"]
    assert {row.scan for row in rows_of(found)} == {"sub-07_T1w"}


def test_hole_that_does_not_fit_is_left_out_with_a_reason(clean: Path) -> None:
    found = list(evaluate([Subject.of(clean)], replace(ONE, kinds=hole_kinds(["blob:5000", "blob:1"]))))
    assert [one.what for one in left_out_of(found)] == ["blob 5000 ml"]
    assert {row.bin for row in rows_of(found)} == {"1 ml"}


def test_excluded_scans_are_left_out_with_a_reason(clean: Path) -> None:
    found = list(evaluate([Subject.of(clean)], replace(ONE, excluded=frozenset({"sub-07"}))))
    assert rows_of(found) == []
    assert "must not be scored" in left_out_of(found)[0].reason


class Faulty:
    """An engine that fails on the scan, but not in the warm-up."""

    context_mm = 2.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        if hole.spacing_mm != (1.0, 1.0, 1.0):
            message = "out of luck"
            raise (MedpaintError, RuntimeError, MemoryError)[seed](message)
        return Fill.by("faulty", np.zeros(np.count_nonzero(hole.mask), np.float32))


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (0, "out of luck"),
        (1, "internal error: RuntimeError: out of luck"),
        (2, "the engine needs more memory than there is"),
    ],
)
def test_failing_engine_does_not_stop_the_others(
    clean: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seed: int, reason: str
) -> None:
    def choice(parameters: FillParameters, mask: Mask, spacing_mm: Spacing, **scan: Any) -> Chosen:
        chosen = choose(parameters, mask, spacing_mm, **scan)
        return replace(chosen, engine=Faulty()) if parameters.engine == "nearest" else chosen

    monkeypatch.setattr("medpaint.engines.parts.choose", choice)
    found = list(evaluate([Subject.of(clean)], replace(PLAN, kinds=hole_kinds(["blob:1"]), seed=seed)))
    assert [one.reason for one in left_out_of(found)] == [reason]
    assert [row.engine for row in rows_of(found)] == ["harmonic"]
    assert ("Traceback" in capsys.readouterr().err) == reason.startswith("internal error")


def test_unknown_engine_is_refused_before_a_scan_is_read(tmp_path: Path) -> None:
    absent = Subject.of(tmp_path / "absent.nii.gz")
    with pytest.raises(UsageError, match="magic"):
        next(evaluate([absent], replace(ONE, engines=("magic",))))


def test_membrane_changes_the_fill(clean: Path) -> None:
    (plain,) = rows_of(list(evaluate([Subject.of(clean)], ONE)))
    (closed,) = rows_of(list(evaluate([Subject.of(clean)], replace(ONE, membrane=True))))
    assert closed.rmse != plain.rmse


def test_holes_take_the_shapes_of_lesions(clean: Path) -> None:
    shapes = (LesionShape.cut_out(hole(), (2.0, 2.0, 2.0)),)
    plan = replace(ONE, kinds=hole_kinds(["lesion:1-2"], shapes), shapes=shapes)
    (row,) = rows_of(list(evaluate([Subject.of(clean)], plan)))
    assert 1.0 <= row.hole_ml <= 2.0


def test_dicom_series_is_scored(tmp_path: Path) -> None:
    Phantom(shape=(40, 36, 20)).write(tmp_path / "series")
    subjects = list(find_subjects([tmp_path / "series"]))
    assert len(rows_of(list(evaluate(subjects, replace(ONE, kinds=hole_kinds(["slices:1"])))))) == 1


@pytest.mark.parametrize("uid", ["1.2." + "3" * 67, "DOE^JANE"])
def test_a_series_with_an_invalid_uid_is_scored_and_not_named(tmp_path: Path, uid: str) -> None:
    Phantom(shape=(40, 36, 20), change=in_series(uid)).write(tmp_path / "a")
    Phantom(shape=(40, 36, 20), series="1.2.3").write(tmp_path / "b")
    found = list(evaluate(list(find_subjects([tmp_path])), replace(ONE, kinds=hole_kinds(["slices:1"]))))
    assert not left_out_of(found)
    assert len(rows_of(found)) == 2
    assert "DOE" not in repr(found)
