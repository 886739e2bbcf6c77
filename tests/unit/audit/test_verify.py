"""Verification finds what does not agree with a record."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from scans import AFFINE, save, save_pair, voxels_of

import medpaint
from medpaint.audit.find import find_records
from medpaint.audit.verify import verify
from medpaint.cli.main import main
from medpaint.core.checksum import checksum_outside
from medpaint.core.errors import InputError, VerificationError
from medpaint.layouts.plain import Products


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Products:
    """Return the products in a folder beside the scan, made once."""
    folder = tmp_path_factory.mktemp("restored")
    scan, mask = save_pair(folder)
    made = medpaint.restore(scan, mask, output=folder / "out", engine="harmonic").products
    assert made is not None
    return made


@pytest.fixture
def products(restored: Products, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Products:
    """Return a copy of the products in a folder beside the scan; the current folder contains both."""
    shutil.copytree(restored.record.parents[1], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Products.of(tmp_path / "out", "scan", ".nii.gz")


def flip(path: Path, voxel: int) -> None:
    """Flip one bit of one voxel of a NIfTI file of int16, or of a mask of uint8."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[352 + voxel] ^= 1
    path.write_bytes(gzip.compress(bytes(raw)))


def test_untouched_products_pass(products: Products) -> None:
    verdict = verify(products.record)
    assert verdict.holds
    assert verdict.notes == ()


def test_one_flipped_voxel_outside_the_mask_is_found(products: Products) -> None:
    flip(products.restored, 2 * 5000)
    problems = " / ".join(verify(products.record).problems)
    assert "its hash differs" in problems
    assert "voxels outside the mask are not those of the scan" in problems
    assert "1 voxels outside the mask differ from the scan" in problems


def test_one_flipped_voxel_of_the_mask_is_found(products: Products) -> None:
    flip(products.mask, 40)
    assert any("the record says" in problem for problem in verify(products.record).problems)


def test_a_missing_product_is_found(products: Products) -> None:
    products.restored.unlink()
    assert verify(products.record).problems == ("scan_restored.nii.gz is missing",)


def test_a_truncated_product_is_a_problem(products: Products) -> None:
    products.restored.write_bytes(products.restored.read_bytes()[:-200])
    assert not verify(products.record).holds


def test_what_is_wrong_with_a_product_is_said_once(products: Products) -> None:
    products.restored.write_bytes(b"nothing")
    (problem,) = verify(products.record).problems
    assert problem.count("scan_restored.nii.gz") == 1
    assert problem.count("cannot read") + problem.count("cannot be read") <= 1


def test_a_changed_scan_is_found(products: Products, tmp_path: Path) -> None:
    flip(tmp_path / "scan.nii.gz", 2 * 4000)
    assert "is not the one that was restored" in verify(products.record).problems[0]


def test_a_missing_scan_is_noted(products: Products, tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").unlink()
    verdict = verify(products.record)
    assert verdict.holds
    assert "compared by checksum alone" in verdict.notes[0]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"status": "fine"}', "\x00"])
def test_other_files_are_not_records(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x_record.json"
    path.write_text(text)
    assert not verify(path).holds


def test_a_failed_scan_has_nothing_to_check(tmp_path: Path) -> None:
    path = tmp_path / "x_record.json"
    path.write_text('{"status": "failed", "reason": "truncated"}')
    assert verify(path).notes == ("failed, nothing to check: truncated",)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("repaired", "ml"), 99.0),
        (("repaired", "voxels"), 1),
        (("repaired", "fraction"), 0.5),
        (("write", "identity", "voxels"), 1),
        (("write", "identity", "restored_sha256"), "0" * 64),
        (("inpaint", "filled_by"), {"harmonic": 7}),
        (("mask", "voxels"), 7),
        (("status",), "nothing to repair"),
        (("write", "products", 0, "role"), "mask"),
        (("write", "products", 0, "path"), "../scan.nii.gz"),
        (("write", "products", 0, "path"), "/etc/passwd"),
        (("repaired",), None),
    ],
)
def test_a_changed_record_fails(products: Products, path: tuple[str | int, ...], value: object) -> None:
    record = json.loads(products.record.read_text())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    products.record.write_text(json.dumps(record))
    assert not verify(products.record).holds


def test_a_product_on_another_grid_fails(products: Products) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 10
    save(voxels_of(products.restored), products.restored, moved)
    record = json.loads(products.record.read_text())
    record["write"]["products"][0]["sha256"] = hashlib.sha256(products.restored.read_bytes()).hexdigest()
    products.record.write_text(json.dumps(record))
    assert verify(products.record).problems == ("the mask is not on the restored scan's grid",)


def test_a_scan_restored_twice_has_a_record_for_each_time(products: Products, tmp_path: Path) -> None:
    mask, out = tmp_path / "scan-mask.nii.gz", tmp_path / "out"
    again = medpaint.restore(products.restored, mask, output=out, engine="nearest").products
    assert again is not None
    assert find_records([again.mask]) == [again.record]
    assert find_records([again.restored]) == [again.record]


def test_records_are_found_by_path_by_product_and_in_folders(products: Products) -> None:
    folder = products.record.parent
    for path in (products.record, products.restored, products.mask, folder, folder.parent):
        assert find_records([path]) == [products.record]
    assert find_records([folder, products.mask]) == [products.record]


def test_paths_without_a_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_records([tmp_path / "none"])
    with pytest.raises(InputError, match="expected a record"):
        find_records([tmp_path])


def test_products_without_a_record_are_reported_as_unfinished(products: Products) -> None:
    products.record.unlink()
    assert find_records([products.record.parent]) == [products.record]
    verdict = verify(products.record)
    assert verdict.status == "unfinished"
    assert "no record" in verdict.problems[0]


def test_a_changed_mask_of_the_user_is_found(products: Products, tmp_path: Path) -> None:
    flip(tmp_path / "scan-mask.nii.gz", 4000)
    assert verify(products.record).problems == (
        "the mask ../scan-mask.nii.gz is not the one that was given: its hash differs",
    )


def test_a_missing_mask_of_the_user_is_noted(products: Products, tmp_path: Path) -> None:
    (tmp_path / "scan-mask.nii.gz").unlink()
    verdict = verify(products.record)
    assert verdict.holds
    assert "the given mask is not at" in verdict.notes[0]


def test_an_absolute_path_in_a_record_is_not_followed(products: Products) -> None:
    record = json.loads(products.record.read_text())
    record["read"]["path"] = str(products.restored)
    products.record.write_text(json.dumps(record))
    assert "the scan is not at" in verify(products.record).notes[0]


def test_a_record_without_what_filled_the_mask_fails(products: Products) -> None:
    record = json.loads(products.record.read_text())
    record["inpaint"] = None
    products.record.write_text(json.dumps(record))
    assert verify(products.record).problems == ("the record does not say what filled the mask",)


def test_the_checksum_does_not_depend_on_the_layout_in_memory() -> None:
    data = np.random.default_rng(0).integers(0, 99, (5, 6, 7)).astype(np.int16)
    mask = data > 70
    sums = {
        checksum_outside(np.asfortranarray(data), mask),
        checksum_outside(np.ascontiguousarray(data), np.asfortranarray(mask)),
        checksum_outside(data.astype(">i2"), mask),
    }
    assert len(sums) == 1
    changed = data.copy()
    changed[mask] += 1
    assert checksum_outside(changed, mask) in sums
    changed[np.unravel_index(np.argmin(data), data.shape)] += 1
    assert checksum_outside(changed, mask) not in sums


def replaced_in(record: Path, *path: str | int, value: object) -> None:
    """Change one value of a record."""
    content = json.loads(record.read_text())
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    record.write_text(json.dumps(content))


def test_every_product_beside_the_record_of_a_failure_is_named(products: Products) -> None:
    (products.record.parent / "scan_restored").mkdir()
    (products.record.parent / "scan_restored" / "0001.dcm").touch()
    products.record.write_text('{"status": "failed", "reason": "truncated"}')
    problems = verify(products.record).problems
    named = [problem.rpartition(", but ")[2] for problem in problems]
    assert named == ["scan_restored is there", "scan_restored.nii.gz is there", "scan_mask.nii.gz is there"]


@pytest.mark.parametrize("kept", ["restored", "mask"])
def test_each_product_without_a_record_is_named(products: Products, kept: str) -> None:
    for path in (products.record, products.mask, products.restored):
        if path != getattr(products, kept):
            path.unlink()
    (record,) = find_records([products.record.parent])
    verdict = verify(record)
    assert verdict.status == "unfinished"
    assert getattr(products, kept).name in verdict.problems[0]


@pytest.mark.parametrize("step", ["read", "mask", "write"])
def test_an_entry_that_is_missing_is_named(products: Products, step: str) -> None:
    replaced_in(products.record, step, value=None)
    assert f"the record has no entry of the step {step}" in verify(products.record).problems


@pytest.mark.parametrize(("step", "role"), [("read", "scan"), ("mask", "given mask")])
@pytest.mark.parametrize("way", ["..", "link", "absolute"])
def test_paths_that_leave_the_searched_folders_are_not_followed(
    products: Products, tmp_path_factory: pytest.TempPathFactory, step: str, role: str, way: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "elsewhere.nii.gz"
    outside.write_bytes(products.restored.read_bytes())
    folder = products.record.parent
    link = folder / "link.nii.gz"
    link.symlink_to(outside)
    path = {"..": os.path.relpath(outside, folder), "link": link.name, "absolute": str(outside)}[way]
    replaced_in(products.record, step, "path", value=path)
    verdict = verify(products.record)
    assert verdict.holds
    assert [note for note in verdict.notes if note.startswith(f"the {role}")]
    followed = verify(products.record, within=[folder, outside.parent])
    assert any("its hash differs" in problem for problem in followed.problems) == (way != "absolute")


def test_a_product_that_links_out_of_its_folder_is_not_read(products: Products, tmp_path: Path) -> None:
    moved = tmp_path / "moved.nii.gz"
    products.restored.rename(moved)
    products.restored.symlink_to(moved)
    assert verify(products.record).problems == (
        "scan_restored.nii.gz leads out of its folder by a link, which is not followed",
    )


@pytest.mark.parametrize("role", ["restored", "mask", "record"])
def test_a_pipe_in_place_of_a_file_is_not_opened(products: Products, role: str) -> None:
    path: Path = getattr(products, role)
    path.unlink()
    os.mkfifo(path)
    verdict = verify(path if role == "record" else products.record)
    assert not verdict.holds
    assert "a pipe" in verdict.problems[0] or path.name in verdict.problems[0]


def test_a_product_of_another_size_is_refused_by_its_header(products: Products) -> None:
    save(np.zeros((200, 200, 200), np.int16), products.restored, AFFINE)
    (problem,) = verify(products.record).problems
    assert problem.startswith("scan_restored.nii.gz does not have the size of the scan: the record says ")


HUGE = "9" * 4000


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"status": "restored", "seconds": ' + HUGE * 3 + "}",
        '{"status": "restored", "seconds": "soon"}',
        '{"status": "restored", "repaired": {"voxels": NaN, "ml": NaN, "fraction": NaN}}',
        '{"status": "restored", "repaired": {"voxels": 1e999, "ml": 1, "fraction": 1}}',
        '{"record_version": 1, "status": "restored", "steps": 3, "products": {"path": 1}}',
        '{"record_version": 1, "status": "restored", "steps": [], "products": [{"path": 1}], "identity": {}}',
        '{"status": "failed", "reason": "' + "x" * 2**24 + '"}',
        "null",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
    ids=range(12),
)
def test_one_bad_record_does_not_stop_the_others(
    products: Products, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (products.record.parent / "bad_record.json").write_bytes(text.encode("latin-1"))
    assert main(["verify", "out"]) == VerificationError.exit_code
    printed = capsys.readouterr()
    assert "DOES NOT HOLD: out/bad_record.json" in printed.out
    assert "holds: out/scan_record.json (restored)" in printed.out
    assert printed.out.endswith("1 of 2 records hold\n")
    assert "internal error" not in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("read", "shape"), [int(HUGE), 1, 1]),
        (("read", "shape"), [10**6, 10**6, 10**6]),
        (("repaired", "voxels"), int(HUGE)),
        (("inpaint", "filled_by"), {"harmonic": int(HUGE)}),
        (("inpaint", "filled_by"), {"harmonic": -1}),
        (("write", "identity", "voxels"), -int(HUGE)),
        (("repaired", "ml"), float("nan")),
        (("repaired", "fraction"), float("inf")),
        (("parameters", "read", "frame"), int(HUGE)),
    ],
)
def test_numbers_out_of_all_bounds_are_a_problem_of_their_record(
    products: Products, path: tuple[str, ...], value: object
) -> None:
    replaced_in(products.record, *path, value=value)
    verdict = verify(products.record)
    assert not verdict.holds
    assert not any("internal error" in problem for problem in verdict.problems)
    assert max(map(len, verdict.problems)) <= 10_000


def test_control_characters_in_a_record_do_not_reach_the_terminal(
    products: Products, capsys: pytest.CaptureFixture[str]
) -> None:
    replaced_in(products.record, "read", "path", value="a\x1b[2J\n\x9b\u202eb")
    assert main(["verify", "out"]) == 0
    printed = capsys.readouterr().out
    assert all(one.isprintable() or one == "\n" for one in printed)
    assert r"a\x1b[2J\n\x9b\u202eb" in printed


def test_scans_elsewhere_are_compared_where_the_option_names_their_folder(
    products: Products, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(tmp_path / "scan.nii.gz", 2 * 4000)
    monkeypatch.chdir(products.record.parent)
    assert main(["verify", "."]) == 0
    assert "outside the folders that are searched: name its folder with --within" in capsys.readouterr().out
    assert main(["verify", ".", "--within", str(tmp_path)]) == VerificationError.exit_code
