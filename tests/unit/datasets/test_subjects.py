"""Scans found in files, folders and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from scans import phantom, save

from medpaint.core.errors import InputError, MedpaintError, UsageError
from medpaint.datasets.subjects import LeftOut, Subject, find_subjects


def test_person_comes_from_the_table_or_bids_entity_or_is_the_scan(tmp_path: Path) -> None:
    table = tmp_path / "scans.tsv"
    table.write_text("image\tperson\tframe\tavoid\na/sub-01_ses-2_T1w.nii.gz\t\t\t\nb.nrrd\tanna\t2\tm.nii\n")
    named = [one for one in find_subjects([table]) if isinstance(one, Subject)]
    assert [(one.scan, one.person) for one in named] == [("sub-01_ses-2_T1w", "sub-01"), ("b", "anna")]
    assert (named[1].frame, named[1].avoid) == (2, Path("m.nii"))
    assert Subject.of(Path("x/CT_image.nii.gz")).person == "CT_image"


def test_folder_yields_its_scans_and_what_cannot_be_read(tmp_path: Path) -> None:
    good = save(phantom(), tmp_path / "sub-07_T1w.nii.gz")
    (tmp_path / "broken.nii.gz").write_bytes(good.read_bytes()[:40])
    found = {type(one): one for one in find_subjects([tmp_path])}
    assert found[Subject] == Subject(good, "sub-07_T1w", "sub-07")
    left_out = found[LeftOut]
    assert isinstance(left_out, LeftOut)
    assert (Path(left_out.path).name, left_out.what) == ("broken.nii.gz", "scan")
    assert left_out.reason


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("scan\n1\n", UsageError),
        ("image\tsex\na\tf\n", UsageError),
        ("image\n", InputError),
        ("image\tframe\na\tx\n", UsageError),
        ("image\tscan\n\tx\n", UsageError),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, error: type[MedpaintError]) -> None:
    table = tmp_path / "scans.tsv"
    table.write_text(text)
    with pytest.raises(error, match="expected"):
        list(find_subjects([table]))


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(find_subjects([tmp_path / "scans.tsv"]))
