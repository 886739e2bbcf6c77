"""Which scans a training uses, and how it reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scans import phantom, save
from training_parts import recipe, source

from medpaint.core.errors import InputError
from medpaint.training.recipe import Source
from medpaint.training.scans import Scan, Whole, find_scans, read_whole

RAS = np.diag([2.0, 3.0, 4.0, 1.0])


def brains(folder: Path, *names: str) -> Path:
    """Write phantoms and return the folder."""
    for number, name in enumerate(names):
        save(phantom() + np.int16(number), folder / f"{name}.nii.gz", RAS)
    return folder


def persons(scans: list[Scan], part: str) -> set[str]:
    return {scan.person for scan in scans if scan.part == part}


def test_without_sources_both_parts_have_synthetic_heads() -> None:
    scans, skipped = find_scans(recipe(), Path())
    assert not skipped
    assert persons(scans, "training")
    assert persons(scans, "validation")
    assert not persons(scans, "training") & persons(scans, "validation")
    first, again = (read_whole(scans[0], Path(), seed=seed) for seed in (0, 1))
    assert np.array_equal(first.truth, again.truth)
    assert not np.array_equal(first.truth, read_whole(scans[1], Path(), seed=0).truth)


def test_persons_are_kept_apart_and_held_out_ones_are_not_used(tmp_path: Path) -> None:
    brains(tmp_path, *(f"sub-{person}_{visit}" for person in "abc" for visit in "12"))
    wanted = recipe(sources=[source()], validation=["brains/sub-b"], held_out=["brains/sub-c"])
    scans, skipped = find_scans(wanted, tmp_path)
    assert not skipped
    assert len(scans) == 4
    assert persons(scans, "training") == {"brains/sub-a"}
    assert persons(scans, "validation") == {"brains/sub-b"}


def test_a_file_of_a_held_out_person_is_not_opened(tmp_path: Path) -> None:
    brains(tmp_path, "sub-a", "sub-b")
    (tmp_path / "sub-c.nii.gz").write_bytes(b"nothing")
    wanted = recipe(sources=[source()], validation=["brains/sub-b"], held_out=["brains/sub-c"])
    _, skipped = find_scans(wanted, tmp_path)
    assert not skipped


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("file", {"brains/t1"}),
        ("folder", {"brains/anat"}),
        ("parent", {"brains/anna", "brains/bert"}),
    ],
)
def test_a_person_is_named_by_file_folder_or_the_folder_above(
    tmp_path: Path, kind: str, expected: set[str]
) -> None:
    brains(tmp_path / "anna" / "anat", "t1")
    brains(tmp_path / "bert" / "anat", "t1")
    brains(tmp_path, "sub-v")
    files = source(images=["*/anat/*.nii.gz"], person=kind)
    other = source(name="other", images=["sub-v.nii.gz"])
    scans, _ = find_scans(recipe(sources=[files, other], validation=["other/sub-v"]), tmp_path)
    assert persons(scans, "training") == expected


def test_unreadable_files_are_named_and_skipped(tmp_path: Path) -> None:
    brains(tmp_path, "sub-a", "sub-b", "sub-c")
    cut = tmp_path / "sub-c.nii.gz"
    cut.write_bytes(cut.read_bytes()[:1000])
    (tmp_path / "sub-d.nii.gz").write_bytes(b"no image at all")
    save(phantom() > 0, tmp_path / "sub-e.nii.gz", RAS)
    nowhere = source(name="nowhere", images=["nowhere/*.nii"])
    scans, skipped = find_scans(recipe(sources=[source(), nowhere], validation=["brains/sub-b"]), tmp_path)
    assert {scan.subject.path.name for scan in scans} == {"sub-a.nii.gz", "sub-b.nii.gz"}
    assert [Path(one.path).name for one in skipped] == ["sub-c.nii.gz", "sub-d.nii.gz", "sub-e.nii.gz", "*.nii"]
    assert all(one.reason for one in skipped)
    assert "as in a mask" in skipped[2].reason
    assert "no such file" in skipped[3].reason


def test_a_scan_with_nan_is_skipped(tmp_path: Path) -> None:
    brains(tmp_path, "sub-a", "sub-b")
    holed = phantom().astype(np.float32)
    holed[0, 0, 0] = np.nan
    save(holed, tmp_path / "sub-c.nii.gz", RAS)
    _, skipped = find_scans(recipe(sources=[source()], validation=["brains/sub-b"]), tmp_path)
    assert [one.reason.endswith("expected finite intensities, got NaN or infinity") for one in skipped] == [True]


@pytest.mark.parametrize(("validation", "part"), [([], "validation"), (["brains/sub-a"], "training")])
def test_a_part_without_scans_is_refused(tmp_path: Path, validation: list[str], part: str) -> None:
    brains(tmp_path, "sub-a")
    (tmp_path / "sub-b.nii.gz").write_bytes(b"no image at all")
    with pytest.raises(InputError, match=rf"expected scans for {part} .* got none; .*sub-b\.nii\.gz: "):
        find_scans(recipe(sources=[source()], validation=validation), tmp_path)


def read(folder: Path, kind: Source) -> Whole:
    """Read the only training scan of a folder."""
    scans, _ = find_scans(recipe(sources=[kind], validation=["brains/sub-v"]), folder)
    (scan,) = (scan for scan in scans if scan.part == "training")
    return read_whole(scan, folder, seed=0)


def stored_as(order: tuple[int, ...], signs: tuple[int, ...], path: Path) -> Path:
    """Write the phantom with its axes in another order and direction, and the matching affine."""
    affine = np.eye(4)
    affine[:3, :3] = RAS[:3, :3][:, list(order)] * np.array(signs)
    flipped = tuple(axis for axis, sign in enumerate(signs) if sign < 0)
    return save(np.flip(np.transpose(phantom(), order), flipped), path, affine)


@pytest.mark.parametrize(
    ("order", "signs"), [((0, 1, 2), (-1, -1, 1)), ((2, 0, 1), (1, -1, -1)), ((1, 2, 0), (-1, 1, 1))]
)
def test_the_order_of_stored_axes_does_not_matter(
    tmp_path: Path, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    for folder in (tmp_path / "plain", tmp_path / "turned"):
        brains(folder, "sub-v")
    save(phantom(), tmp_path / "plain" / "sub-a.nii.gz", RAS)
    stored_as(order, signs, tmp_path / "turned" / "sub-a.nii.gz")
    plain, turned = read(tmp_path / "plain", source()), read(tmp_path / "turned", source())
    assert np.array_equal(plain.truth, turned.truth)
    assert np.array_equal(plain.tissue, turned.tissue)
    assert turned.spacing_mm == pytest.approx((2.0, 3.0, 4.0))


def test_holes_avoid_tissue_marked_as_unhealthy(tmp_path: Path) -> None:
    brains(tmp_path, "sub-a", "sub-v")
    sick = np.zeros(phantom().shape, dtype=np.uint8)
    sick[10:16, 10:16, 10:16] = 1
    save(sick, tmp_path / "sick.nii", RAS)
    assert read(tmp_path, source()).tissue[10:16, 10:16, 10:16].any()
    assert not read(tmp_path, source(avoid="sick.nii")).tissue[10:16, 10:16, 10:16].any()


def test_each_scan_may_have_its_own_mask_to_avoid(tmp_path: Path) -> None:
    brains(tmp_path, "sub-v")
    for number, name in enumerate(("a", "b")):
        brains(tmp_path / name, f"sub-{name}")
        sick = np.zeros(phantom().shape, dtype=np.uint8)
        sick[10:16, 10:16, 10 + 3 * number : 13 + 3 * number] = 1
        save(sick, tmp_path / name / "sick.nii", RAS)
    kind = source(images=["sub-v.nii.gz", "?/*.nii.gz"], avoid="{folder}/sick.nii")
    save(np.zeros(phantom().shape, dtype=np.uint8), tmp_path / "sick.nii", RAS)
    scans, skipped = find_scans(recipe(sources=[kind], validation=["brains/sub-v"]), tmp_path)
    assert not skipped
    tissue = {scan.person: read_whole(scan, tmp_path, seed=0).tissue for scan in scans}
    assert tissue["brains/sub-v"][10:16, 10:16, 10:16].any()
    assert not tissue["brains/sub-a"][10:16, 10:16, 10:13].any()
    assert tissue["brains/sub-a"][10:16, 10:16, 13:16].any()
    assert not tissue["brains/sub-b"][10:16, 10:16, 13:16].any()
    assert tissue["brains/sub-b"][10:16, 10:16, 10:13].any()


def test_the_seed_determines_the_scans_of_label_maps(tmp_path: Path) -> None:
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[10:22, 10:22, 10:22], labels[14:18, 14:18, 14:18] = 3, 7
    for name in ("sub-a", "sub-v"):
        save(labels, tmp_path / f"{name}.nii.gz", RAS)
    np.save(tmp_path / "labels.npy", [3, 7])
    np.save(tmp_path / "classes.npy", [1, 1])
    kind = source(label_maps=True, classes=["labels.npy", "classes.npy"])
    scans, _ = find_scans(recipe(sources=[kind], validation=["brains/sub-v"]), tmp_path)
    first, same, other = (read_whole(scans[0], tmp_path, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.truth, same.truth)
    assert not np.array_equal(first.truth, other.truth)
    assert first.truth.shape == (28, 28, 28)
    assert np.array_equal(first.tissue, same.tissue)
    assert np.count_nonzero(first.tissue != other.tissue) > 20
    assert first.truth[first.tissue].mean() > 3.0 * first.truth[~first.tissue].mean()
