"""Evaluation on small scans: what is scored, what is left out, and what is written."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_phantom import Phantom
from scans import hole, phantom, save

from medpaint.cli.main import main
from medpaint.core.errors import InputError, MedpaintError, UnreadableError, UsageError
from medpaint.corrupt import LesionShape
from medpaint.datasets.clean import read_clean
from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.datasets.manifest import read_manifest
from medpaint.datasets.subjects import LeftOut, Subject, find_subjects
from medpaint.evaluation.cost import measured
from medpaint.evaluation.folder import median_row, trial_of
from medpaint.evaluation.hole import trial_in
from medpaint.evaluation.kinds import hole_kinds
from medpaint.evaluation.run import Plan, Row, evaluate
from medpaint.evaluation.tables import read_scores, summarised, write_table
from medpaint.metrics import rmse

PLAN = Plan(("nearest", "biharmonic"), hole_kinds(["blob:1-3", "slices:1-2"]))


def rows_of(found: list[Row | LeftOut]) -> list[Row]:
    return [replace(row, seconds=0.0, peak_mb=0.0) for row in found if isinstance(row, Row)]


def left_out_of(found: list[Row | LeftOut]) -> list[LeftOut]:
    return [one for one in found if isinstance(one, LeftOut)]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return save(phantom(), tmp_path / "sub-07_T1w.nii.gz")


def run(*words: str | Path) -> int:
    return main(["evaluate", *map(str, words)])


def test_every_engine_is_scored_on_every_hole(clean: Path) -> None:
    rows = rows_of(list(evaluate([Subject.of(clean)], replace(PLAN, holes=2))))
    assert len(rows) == 2 * 2 * 2
    assert {row.person for row in rows} == {"sub-07"}
    assert {row.bin for row in rows} == {"1-3 ml", "1-2 slices"}
    blobs = [row for row in rows if row.kind == "blob"]
    assert all(1.0 <= row.hole_ml <= 3.0 for row in blobs)
    assert all(0.0 < row.scored_ml <= row.hole_ml + 1e-9 for row in rows)
    assert {row.engine for row in rows} == {"nearest", "biharmonic"}


def test_the_same_seed_gives_the_same_numbers_in_any_company(clean: Path, tmp_path: Path) -> None:
    other = save(phantom()[::-1].copy(), tmp_path / "other.nii.gz")
    alone = rows_of(list(evaluate([Subject.of(clean)], PLAN)))
    among = rows_of(list(evaluate([Subject.of(other), Subject.of(clean)], PLAN)))
    assert [row for row in among if row.scan == alone[0].scan] == alone
    assert rows_of(list(evaluate([Subject.of(clean)], replace(PLAN, seed=1)))) != alone


def test_errors_are_those_of_the_hole_alone(clean: Path) -> None:
    plan = replace(PLAN, engines=("nearest",), kinds=hole_kinds(["blob:2"]))
    (row,) = rows_of(list(evaluate([Subject.of(clean)], plan)))
    trial = trial_of(row, [Subject.of(clean)], plan)
    from medpaint.engines.registry import load_engine

    restored = trial.restored(load_engine("nearest"), 0)
    mask = trial.yardstick.mask
    assert row.rmse == pytest.approx(rmse(phantom(), restored.data, mask))
    np.testing.assert_array_equal(restored.data[~mask], phantom()[~mask])
    assert not np.array_equal(trial.damaged.data[mask], phantom()[mask])


def test_the_error_of_harmonic_is_the_measure_of_the_others(clean: Path) -> None:
    rows = rows_of(list(evaluate([Subject.of(clean)], replace(PLAN, engines=("harmonic", "nearest")))))
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first.rmse_vs_harmonic == 1.0
        assert second.rmse_vs_harmonic == pytest.approx(second.rmse / first.rmse)


def test_a_constant_added_to_a_scan_with_a_floor_changes_no_score(tmp_path: Path) -> None:
    low, lower = (save(phantom() - np.int16(by), tmp_path / f"{by}.nii.gz") for by in (1000, 1024))
    kinds = hole_kinds(["blob:2"])
    scores = []
    for path in (low, lower):
        trial = trial_in(read_clean(Subject.of(path)), kinds[0], 0, seed=0)
        yardstick = trial.yardstick
        scores.append(yardstick.floor)
        assert yardstick.truth.min() == 0.0
    assert scores == [-1000.0, -1024.0]


def test_what_is_to_be_avoided_is_never_scored(clean: Path, tmp_path: Path) -> None:
    mask = save(hole(), tmp_path / "mask.nii.gz")
    kind = hole_kinds(["slab-k:6-8"])[0]
    read = read_clean(Subject.of(clean, avoid=mask))
    assert not (read.tissue & hole()).any()
    trials = [trial_in(read, kind, number, seed=0) for number in range(8)]
    assert any((trial.yardstick.mask & hole()).any() for trial in trials)
    assert not any((trial.yardstick.scored & hole()).any() for trial in trials)


def test_voxels_that_are_not_finite_are_never_scored(tmp_path: Path) -> None:
    data = phantom().astype(np.float32)
    data[15, 15, 15] = np.nan
    path = save(data, tmp_path / "nan.nii.gz")
    rows = rows_of(list(evaluate([Subject.of(path)], replace(PLAN, kinds=hole_kinds(["slab-i:8"]), holes=3))))
    assert len(rows) == 6
    assert all(math.isfinite(row.psnr) and math.isfinite(row.rmse) for row in rows)


def test_bad_scans_are_named_and_left_out(clean: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "broken.nii.gz"
    damaged.write_bytes(clean.read_bytes()[:2000])
    save(hole(), tmp_path / "mask.nii.gz")
    found = list(evaluate(list(find_subjects([tmp_path])), PLAN))
    reasons = {Path(one.path).name: one.reason for one in left_out_of(found)}
    assert set(reasons) == {"broken.nii.gz", "mask.nii.gz"}
    assert "as in a mask" in reasons["mask.nii.gz"]
    assert {row.scan for row in rows_of(found)} == {"sub-07_T1w"}


def test_a_hole_that_does_not_fit_is_named_and_left_out(clean: Path) -> None:
    found = list(evaluate([Subject.of(clean)], replace(PLAN, kinds=hole_kinds(["blob:5000", "blob:1"]))))
    assert [one.what for one in left_out_of(found)] == ["blob 5000 ml"]
    assert {row.bin for row in rows_of(found)} == {"1 ml"}


def test_an_engine_that_fails_does_not_stop_the_others(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medpaint.engines import registry
    from medpaint.engines.classical.nearest import Nearest

    class Faulty:
        context_mm = 2.0

        def fill(self, image: Any, mask: Any, *, spacing_mm: Any, seed: int) -> Any:
            if mask.size > 512:
                message = "out of luck"
                raise MedpaintError(message) if seed == 0 else RuntimeError(message)
            return Nearest().fill(image, mask, spacing_mm=spacing_mm, seed=seed)

    loaded = registry.load_engine
    monkeypatch.setattr(
        "medpaint.evaluation.run.load_engine", lambda name: Faulty() if name == "nearest" else loaded(name)
    )
    for seed, reason in ((0, "out of luck"), (1, "internal error: RuntimeError: out of luck")):
        plan = replace(PLAN, kinds=hole_kinds(["blob:1"]), seed=seed)
        found = list(evaluate([Subject.of(clean)], plan))
        assert [one.reason for one in left_out_of(found)] == [reason]
        assert [row.engine for row in rows_of(found)] == ["biharmonic"]


def test_a_membrane_is_laid_over_every_fill(clean: Path) -> None:
    plan = replace(PLAN, engines=("nearest",), kinds=hole_kinds(["blob:2"]))
    (plain,) = rows_of(list(evaluate([Subject.of(clean)], plan)))
    (closed,) = rows_of(list(evaluate([Subject.of(clean)], replace(plan, membrane=True))))
    assert closed.rmse != plain.rmse


def test_the_excluded_are_never_scored(clean: Path) -> None:
    digest = read_clean(Subject.of(clean)).sha256
    for excluded in ("sub-07", digest):
        found = list(evaluate([Subject.of(clean)], replace(PLAN, excluded=frozenset({excluded}))))
        assert rows_of(found) == []
        assert "not to be scored" in left_out_of(found)[0].reason


def test_a_person_comes_from_the_table_or_the_bids_entity_or_is_the_scan(tmp_path: Path) -> None:
    table = tmp_path / "scans.tsv"
    table.write_text("image\tperson\tframe\tavoid\na/sub-01_ses-2_T1w.nii.gz\t\t\t\nb.nrrd\tanna\t2\tm.nii\n")
    named = [one for one in find_subjects([table]) if isinstance(one, Subject)]
    assert [(one.scan, one.person) for one in named] == [("sub-01_ses-2_T1w", "sub-01"), ("b", "anna")]
    assert (named[1].frame, named[1].avoid) == (2, Path("m.nii"))
    assert Subject.of(Path("x/CT_image.nii.gz")).person == "CT_image"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("scan\n1\n", UsageError),
        ("image\tsex\na\tf\n", UsageError),
        ("image\n", InputError),
        ("image\tframe\na\tx\n", UsageError),
    ],
)
def test_tables_of_other_kinds_are_refused(tmp_path: Path, text: str, error: type[MedpaintError]) -> None:
    table = tmp_path / "scans.tsv"
    table.write_text(text)
    with pytest.raises(error, match="expected"):
        list(find_subjects([table]))


def test_manifests_name_persons_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(["sub-01", {"person": "sub-02", "sha256": "ab", "file": "x"}]))
    assert read_manifest(path) == {"sub-01", "sub-02", "ab"}
    for bad in ("{}", "[]", "[1]", "no json", '[{"name": "x"}]'):
        path.write_text(bad)
        with pytest.raises(InputError, match="expected a JSON list"):
            read_manifest(path)
    with pytest.raises(UnreadableError):
        read_manifest(tmp_path / "none.json")


@pytest.mark.parametrize("word", ["blob:", "blob", "blob:2", "slices:1-3"])
def test_kinds_are_named_with_or_without_sizes(word: str) -> None:
    assert hole_kinds([word])


@pytest.mark.parametrize("word", ["lesion", "hole", "blob:9-1", "blob:x", "blob:-1", "slices:0.5", "blob:1-inf"])
def test_kinds_and_sizes_that_are_none_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        hole_kinds([word])


def test_all_kinds_are_made_where_none_is_named() -> None:
    shapes = (LesionShape(np.ones((4, 4, 4), dtype=bool), (1.0, 1.0, 1.0)),)
    assert {kind.name for kind in hole_kinds([], shapes)} >= {"lesion", "blob", "slices", "slab-i", "edge"}


def test_the_mean_is_over_people_and_the_interval_is_students() -> None:

    def row(person: str, psnr: float) -> Row:
        return Row(person, person, "", "blob", "1 ml", 0, 1.0, 1.0, "nearest", psnr, *[1.0] * 8)

    (one,) = summarised([row("a", 10.0), row("a", 20.0), row("b", 21.0), row("c", 24.0)])
    assert (one.people, one.holes) == (3, 4)
    estimate = one.scores["psnr"]
    half = 4.302653 * np.std([15.0, 21.0, 24.0], ddof=1) / math.sqrt(3.0)
    assert estimate.mean == pytest.approx(20.0)
    assert estimate.low == pytest.approx(20.0 - half, rel=1e-6)
    assert estimate.high == pytest.approx(20.0 + half, rel=1e-6)
    (alone,) = summarised([row("a", 10.0)])
    assert math.isnan(alone.scores["psnr"].low)


def test_tables_of_scores_are_read_back(clean: Path, tmp_path: Path) -> None:
    rows = rows_of(list(evaluate([Subject.of(clean)], PLAN)))
    write_table([replace(rows[0], peak_mb=math.nan), *rows[1:]], tmp_path / "scores.tsv")
    back = read_scores(tmp_path / "scores.tsv")
    assert math.isnan(back[0].peak_mb)
    assert [row.psnr for row in back] == pytest.approx([row.psnr for row in rows], rel=1e-5)
    assert median_row(back).psnr == sorted(row.psnr for row in back)[(len(back) - 1) // 2]
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(UnreadableError, match="table of scores"):
        read_scores(tmp_path / "other.tsv")


def test_memory_is_that_of_the_work_each_time_anew() -> None:
    def work() -> float:
        return float(np.ones(12_000_000).sum())

    peaks = [measured(work).peak_mb for _ in range(3)]
    if any(map(math.isnan, peaks)):
        pytest.skip("this system does not tell the peak of the resident memory")
    assert all(90.0 < peak < 140.0 for peak in peaks)
    assert measured(lambda: 1).peak_mb < 20.0


def test_lesion_shapes_come_from_the_masks_of_a_folder(clean: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lesions"
    save(hole(), folder / "b.nii.gz")
    save(np.roll(hole(), 3, axis=0), folder / "a.nii.gz")
    shapes = LesionFolder(folder)
    assert [path.name for path in shapes.paths] == ["a.nii.gz", "b.nii.gz"]
    assert shapes[0].mask.shape == (6, 6, 5)
    assert len(shapes[:2]) == 2
    plan = Plan(("nearest",), hole_kinds(["lesion:1-2"], shapes), shapes=shapes)
    (row,) = rows_of(list(evaluate([Subject.of(clean)], plan)))
    assert 1.0 <= row.hole_ml <= 2.0
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        LesionFolder(tmp_path / "empty")


def test_the_command_writes_tables_plots_pictures_and_a_record(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "broken.nii").write_bytes(b"nothing")
    out = tmp_path / "out"
    words = ("--engines", "nearest", "--kinds", "blob:1-2", "slices:1", "--holes", "2", "--seed", "4", "--json")
    assert run(clean, tmp_path / "broken.nii", "--output", out, *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["fills"]) == ("evaluated", 4)
    assert [Path(one["path"]).name for one in told["left_out"]] == ["broken.nii"]
    assert told["summary"][0]["psnr_low"] is None
    record = json.loads((out / "record.json").read_text())
    assert (record["seed"], record["holes"]) == (4, 2)
    assert record["left_out"] == told["left_out"]
    assert record["scans"][0]["person"] == "sub-07"
    with (out / "summary.tsv").open(newline="") as file:
        assert [row["people"] for row in csv.DictReader(file, delimiter="\t")] == ["1", "1"]
    assert {path.suffix for path in (out / "plots").iterdir()} == {".png", ".svg"}
    assert len(list((out / "pictures").iterdir())) == 2


def test_the_command_prints_a_table(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clean, "--output", tmp_path / "out", "--engines", "nearest", "--kinds", "blob:1") == 0
    said = capsys.readouterr().out
    assert "blob 1 ml" in said
    assert "nearest" in said


def test_nothing_left_to_score_is_an_error_but_not_of_a_part(clean: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "used.json"
    manifest.write_text('["sub-07"]')
    words = (clean, "--output", tmp_path / "out", "--kinds", "blob:1", "--exclude", manifest)
    assert run(*words) == 3
    assert run(*words, "--part") == 0


def test_merged_parts_equal_one_evaluation(clean: Path, tmp_path: Path) -> None:
    other = save(phantom()[::-1].copy(), tmp_path / "sub-08_T1w.nii.gz")
    words = ("--engines", "nearest", "--kinds", "blob:1-2")
    whole, first, second, merged = (tmp_path / name for name in ("whole", "first", "second", "merged"))
    assert run(clean, other, "--output", whole, *words) == 0
    assert run(clean, "--output", first, "--part", *words) == 0
    assert run(other, "--output", second, "--part", *words) == 0
    assert run(first, second, "--merge", "--output", merged) == 0
    one, two = (rows_of([*read_scores(folder / "scores.tsv")]) for folder in (whole, merged))
    assert one == two
    assert len(list((merged / "pictures").iterdir())) == 1
    assert run(first, first, "--merge", "--output", merged) == 3
    assert run(other, "--output", second, "--part", *words, "--seed", "9") == 0
    assert run(first, second, "--merge", "--output", merged) == 2
    assert run(first, tmp_path, "--merge", "--output", merged) == 3


def test_a_single_scan_takes_a_name_a_person_and_a_mask(clean: Path, tmp_path: Path) -> None:
    mask = save(hole(), tmp_path / "mask.nii.gz")
    out = tmp_path / "out"
    words = ("--output", out, "--engines", "nearest", "--kinds", "blob:1")
    assert run(clean, *words, "--name", "x", "--person", "y", "--avoid", mask) == 0
    (row,) = read_scores(out / "scores.tsv")
    assert (row.scan, row.person) == ("x", "y")
    assert run(clean, clean, *words, "--name", "x") == 2


def test_a_dicom_series_is_scored(tmp_path: Path) -> None:
    Phantom(shape=(40, 36, 20)).write(tmp_path / "series")
    found = list(
        evaluate(list(find_subjects([tmp_path / "series"])), replace(PLAN, kinds=hole_kinds(["slices:1"])))
    )
    assert len(rows_of(found)) == 2


@pytest.mark.parametrize(
    "words", [("--holes", "0"), ("--engines", "magic"), ("--seed", "-1"), ("--kinds", "lesion")]
)
def test_wrong_calls_are_refused(clean: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run(clean, "--output", tmp_path / "out", *words) == 2


def test_a_single_hole_is_plotted_without_a_warning(tmp_path: Path) -> None:
    from medpaint.report.plots import plot_by_size

    one = [(0.010132789611816406, 33.4196)]
    plot_by_size({"blob": {"harmonic": one, "nearest": one}}, tmp_path / "plot", score="PSNR, dB")
    assert (tmp_path / "plot.png").stat().st_size > 1000
