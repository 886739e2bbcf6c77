"""`medpaint evaluate`: the folder that it writes, merging, and calls that it refuses."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from scans import hole, phantom, save

from medpaint.cli.main import main
from medpaint.core.errors import InputError
from medpaint.datasets.subjects import Subject
from medpaint.evaluation.kinds import hole_kinds
from medpaint.evaluation.pictures import hole_of
from medpaint.evaluation.plan import Plan
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import read_scores

QUICK = ("--engines", "nearest", "--kinds", "blob:1")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    return save(phantom(), tmp_path / "sub-07_T1w.nii.gz")


def run(*words: str | Path) -> int:
    return main(["evaluate", *map(str, words)])


def rows_in(folder: Path) -> list[Row]:
    return [replace(row, seconds=0.0, peak_mb=0.0) for row in read_scores(folder / "scores.tsv")]


def test_folder_has_tables_plots_pictures_and_a_record(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "broken.nii").write_bytes(b"nothing")
    out = tmp_path / "out"
    words = ("--engines", "nearest", "--kinds", "blob:1-2", "slices:1", "--holes", "2", "--seed", "4", "--json")
    assert run(clean, tmp_path / "broken.nii", "--output", out, *words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["status"], printed["fills"]) == ("evaluated", 4)
    assert [Path(one["path"]).name for one in printed["left_out"]] == ["broken.nii"]
    assert printed["summary"][0]["psnr_low"] is None
    record = json.loads((out / "record.json").read_text())
    assert (record["seed"], record["holes"], record["engines"]) == (4, 2, ["nearest"])
    assert record["left_out"] == printed["left_out"]
    assert record["scans"][0]["person"] == "sub-07"
    with (out / "summary.tsv").open(newline="") as file:
        assert [row["people"] for row in csv.DictReader(file, delimiter="\t")] == ["1", "1"]
    assert {path.suffix for path in (out / "plots").iterdir()} == {".png", ".svg"}
    assert len(list((out / "pictures").iterdir())) == 2


def test_single_scan_takes_a_name_a_person_and_a_mask(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = save(hole(), tmp_path / "mask.nii.gz")
    out = tmp_path / "out"
    assert run(clean, "--output", out, *QUICK, "--name", "x", "--person", "y", "--avoid", mask) == 0
    (row,) = read_scores(out / "scores.tsv")
    assert (row.scan, row.person) == ("x", "y")
    printed = capsys.readouterr().out
    assert "blob 1 ml" in printed
    assert "nearest" in printed


def test_nothing_to_score_is_an_error_except_in_a_part(clean: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "used.json"
    manifest.write_text('["sub-07"]')
    words = (clean, "--output", tmp_path / "out", *QUICK, "--exclude", manifest)
    assert run(*words) == 3
    assert run(*words, "--part") == 0


def test_merged_parts_equal_one_evaluation(clean: Path, tmp_path: Path) -> None:
    other = save(phantom()[::-1].copy(), tmp_path / "sub-08_T1w.nii.gz")
    whole, first, second, merged = (tmp_path / name for name in ("whole", "first", "second", "merged"))
    assert run(clean, other, "--output", whole, *QUICK) == 0
    assert run(clean, "--output", first, *QUICK) == 0
    assert run(other, "--output", second, *QUICK) == 0
    assert run("merge", first, second, "--output", merged) == 0
    assert rows_in(merged) == rows_in(whole)
    records = [json.loads((folder / "record.json").read_text()) for folder in (merged, whole)]
    assert [record | {"created": "", "products": ""} for record in records[:1]] == [
        record | {"created": "", "products": ""} for record in records[1:]
    ]
    assert len(list((merged / "pictures").iterdir())) == 1

    assert run("merge", first, first, "--output", merged) == 3
    assert run("merge", first, tmp_path, "--output", merged) == 3
    record = json.loads((second / "record.json").read_text())
    (second / "record.json").write_text(json.dumps(record | {"seed": 9}))
    assert run("merge", first, second, "--output", merged) == 2


@pytest.mark.parametrize("words", [("merge",), ("merge", "a", "--seed", "3"), ("merge", "a", "--part")])
def test_merge_takes_folders_and_no_options_of_scoring(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--output", tmp_path / "out") == 2
    assert "./merge" in capsys.readouterr().err


def test_folder_called_merge_is_given_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(phantom(), tmp_path / "merge" / "sub-07_T1w.nii.gz")
    monkeypatch.chdir(tmp_path)
    assert run("./merge", "--output", "out", *QUICK) == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--holes", "0"),
        ("--engines", "magic"),
        ("--seed", "-1"),
        ("--kinds", "lesion"),
        ("again.nii", "--name", "x"),
    ],
)
def test_wrong_calls_are_refused(clean: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert run(clean, *words, "--output", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


def test_hole_of_a_changed_scan_is_not_made_again(clean: Path) -> None:
    plan = Plan(("nearest",), hole_kinds(["blob:1"]))
    row = Row("sub-07", "sub-07_T1w", "old hash", "blob", "1 ml", 0, 1.0, 1.0, "nearest", *[1.0] * 10)
    with pytest.raises(InputError, match="sub-07_T1w"):
        hole_of(row, [Subject.of(clean)], plan)
