"""A data set of damaged scans."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medpaint.cli.main import main
from medpaint.core.errors import InputError, UsageError
from medpaint.io.tables import read_rows
from medpaint.phantoms import head
from medpaint.simulation.dataset import COLUMNS, make_part, merge_parts
from medpaint.simulation.recipe import Recipe

SHAPE = (20, 24, 16)
RECIPE = Recipe(kinds=("noise", "dropout"), severities=(0.4, 0.9), seed=5)


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, Path]:
    """Return the scans of two people, two of one of them."""
    paths = {}
    for number, name in enumerate(("sub-a_T1w", "sub-a_T2w", "sub-b_T1w")):
        noise = np.random.default_rng(number).normal(0.0, 0.01, (2, *SHAPE))
        data = np.rint(1000.0 * np.hypot(head(SHAPE, (9.0, 9.0, 9.0)) + noise[0], noise[1])).astype(np.int16)
        paths[name] = tmp_path / "clean" / f"{name}.nii.gz"
        paths[name].parent.mkdir(exist_ok=True)
        nib.Nifti1Image(data, np.diag([9.0, 9.0, 9.0, 1.0])).to_filename(paths[name])  # type: ignore[no-untyped-call]
    return paths


def made(folder: Path, scans: dict[str, Path]) -> list[dict[str, str]]:
    """Make the data set in a folder; return the rows of its table."""
    for name, path in scans.items():
        words = ["dataset", "damage", str(path), "--name", name, "--output", str(folder / "scans" / name)]
        words += ["--kinds=noise", "--kinds=dropout", "--severities=0.4", "--severities=0.9", "--seed=5"]
        assert main(words) == 0
    parts = [str(folder / "scans" / name) for name in scans]
    words = ["dataset", "merge", *parts, "--output", str(folder / "manifest.tsv")]
    assert main([*words, "--validation=0", "--test=0.5"]) == 0
    rows = read_rows(folder / "manifest.tsv", columns=COLUMNS, what="a manifest")
    return [dict(row.values) for row in rows]


def test_data_set_of_two_people_is_the_same_when_made_twice(scans: dict[str, Path], tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "one", tmp_path / "deep" / "two"):
        rows = made(folder, scans)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert len(rows) == 3 * (1 + 2 * 2)


def test_rows_lead_to_files_with_their_hashes_and_persons_are_in_one_part(
    scans: dict[str, Path], tmp_path: Path
) -> None:
    rows = made(tmp_path / "set", scans)
    for row in rows:
        for name in ("image", "clean", *(() if row["kind"] == "clean" else ("truth",))):
            content = (tmp_path / "set" / row[name]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == row[f"{name}_sha256"]
        assert (tmp_path / "set" / row["clean"]).read_bytes() == scans[row["scan"]].read_bytes()
    parts = {row["person"]: {one["part"] for one in rows if one["person"] == row["person"]} for row in rows}
    assert sorted(map(len, parts.values())) == [1, 1]
    assert set.union(*parts.values()) == {"training", "test"}
    damaged = [row for row in rows if row["kind"] != "clean"]
    assert len({row["seed"] for row in damaged}) == len(damaged)


def test_what_cannot_be_made_is_listed_with_the_reason(scans: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "clean" / "bad.nii.gz").write_bytes(b"nothing")
    make_part(tmp_path / "set" / "bad", tmp_path / "clean" / "bad.nii.gz", RECIPE, scan="bad", person="c")
    ct = Recipe(kinds=("dropout", "noise"), severities=(0.5,))
    image = nib.load(scans["sub-a_T1w"])
    hounsfield = np.asanyarray(image.dataobj) - 1000  # type: ignore[attr-defined]
    nib.Nifti1Image(hounsfield, image.affine).to_filename(tmp_path / "ct.nii.gz")  # type: ignore[attr-defined, no-untyped-call]
    assert make_part(tmp_path / "set" / "ct", tmp_path / "ct.nii.gz", ct, scan="ct", person="d") == 1
    parts = [tmp_path / "set" / "bad", tmp_path / "set" / "ct"]
    merged = merge_parts(tmp_path / "set" / "manifest.tsv", parts, validation=0.0, test=0.0, seed=0)
    assert [name for name, _ in merged.left_out] == ["bad clean", "ct dropout 0.5"]
    assert "expected MR for dropout" in merged.left_out[1][1]
    assert (merged.clean, merged.damaged, merged.persons["training"]) == (1, 1, 1)


def test_data_set_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(b"nothing")
    make_part(tmp_path / "set" / "bad", tmp_path / "bad.nii.gz", RECIPE, scan="bad", person="c")
    with pytest.raises(InputError, match="expected scans to damage, got none"):
        merge_parts(tmp_path / "set" / "m.tsv", [tmp_path / "set" / "bad"], validation=0.0, test=0.0, seed=0)


def test_folder_with_other_files_is_not_replaced(scans: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="with other files"):
        make_part(tmp_path / "mine", scans["sub-a_T1w"], RECIPE, scan="a", person="a")


def test_part_elsewhere_is_refused(scans: dict[str, Path], tmp_path: Path) -> None:
    make_part(tmp_path / "elsewhere", scans["sub-a_T1w"], RECIPE, scan="a", person="a")
    with pytest.raises(InputError, match="below"):
        merge_parts(tmp_path / "set" / "m.tsv", [tmp_path / "elsewhere"], validation=0.0, test=0.0, seed=0)


@pytest.mark.parametrize(
    "recipe", [Recipe(severities=(1.5,)), Recipe(copies=0), Recipe(seed=-1), Recipe(kinds=("smudge",))]
)
def test_wrong_recipe_is_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="expected"):
        list(recipe.items("a"))


def test_merging_prints_numbers(
    scans: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path, {"sub-a_T1w": scans["sub-a_T1w"]})
    assert "1 clean scans, 4 damaged copies" in capsys.readouterr().out
    words = ["dataset", "merge", str(tmp_path / "scans" / "sub-a_T1w"), "--output", str(tmp_path / "m.tsv")]
    assert main([*words, "--validation=0", "--test=0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["persons"] == {"training": 1, "validation": 0, "test": 0}
