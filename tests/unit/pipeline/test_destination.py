"""The destination is checked before the work, and nothing that medpaint did not write is ever replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from dicom_phantom import Phantom
from scans import hole, phantom, save, save_pair

import medpaint
from medpaint.core.errors import InputError, LockedError, UsageError
from medpaint.core.types import Array
from medpaint.layouts.plain import Products
from medpaint.parameters import Parameters
from medpaint.pipeline import destination
from medpaint.pipeline.destination import claimed, record_failure
from medpaint.pipeline.write import failure_record


def files_in(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder: the bytes of each file by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restored(folder: Path, **options: Any) -> Products:
    """Restore the phantom into ``out`` quickly and return the products."""
    scan, mask = save_pair(folder)
    done = medpaint.restore(scan, mask, output=folder / "out", engine="nearest", **options)
    assert done.products is not None
    return done.products


def unreadable_scan(folder: Path) -> tuple[Path, Path]:
    """Return a scan that reading would refuse, so that whatever is refused before it was refused early."""
    scan, mask = save_pair(folder)
    scan.write_bytes(scan.read_bytes()[:400])
    return scan, mask


def test_only_products_are_left_in_the_folder(tmp_path: Path) -> None:
    products = restored(tmp_path)
    assert set(products.record.parent.iterdir()) == {products.restored, products.mask, products.record}


def test_finished_products_are_refused_before_the_scan_is_read(tmp_path: Path) -> None:
    restored(tmp_path)
    before = files_in(tmp_path / "out")
    scan, mask = unreadable_scan(tmp_path)
    with pytest.raises(InputError, match=r"scan_record\.json is there already.*overwrite=True"):
        medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest")
    assert files_in(tmp_path / "out") == before


def test_finished_products_are_replaced_on_request(tmp_path: Path) -> None:
    restored(tmp_path)
    products = restored(tmp_path, overwrite=True, dilate_mm=2.0)
    assert medpaint.verify(products.record).holds


@pytest.mark.parametrize("missing", ["record", "record and restored"])
def test_unfinished_products_are_replaced_by_a_plain_rerun(tmp_path: Path, missing: str) -> None:
    products = restored(tmp_path)
    products.record.unlink()
    if "restored" in missing:
        products.restored.unlink()
    assert medpaint.verify(restored(tmp_path).record).holds


@pytest.mark.parametrize("name", ["scan_restored.nii.gz", "scan_mask.nii.gz", "scan_record.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_file_is_never_replaced(tmp_path: Path, name: str, *, overwrite: bool) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(b"mine")
    with pytest.raises(InputError, match=name):
        restored(tmp_path, overwrite=overwrite)
    assert files_in(tmp_path / "out") == {name: b"mine"}


def test_a_foreign_folder_in_place_of_a_series_is_never_replaced(tmp_path: Path) -> None:
    Phantom(shape=(18, 16, 5)).write(tmp_path / "scan")
    (tmp_path / "out" / "scan_restored").mkdir(parents=True)
    (tmp_path / "out" / "scan_restored" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="scan_restored is there already"):
        medpaint.restore(
            tmp_path / "scan", series_mask(), output=tmp_path / "out", engine="nearest", overwrite=True
        )
    assert files_in(tmp_path / "out") == {"scan_restored/notes.txt": b"mine"}


def test_a_failure_keeps_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "scan_restored.notes.txt").write_text("mine")
    (tmp_path / "scan_restored.nii.gz").write_text("mine too")
    record_failure(failure_record("truncated", Parameters()), tmp_path, "scan")
    assert set(files_in(tmp_path)) == {"scan_restored.notes.txt", "scan_restored.nii.gz", "scan_record.json"}


def test_a_failure_removes_the_products_of_an_earlier_run(tmp_path: Path) -> None:
    products = restored(tmp_path)
    record_failure(failure_record("truncated", Parameters()), products.record.parent, "scan")
    assert list(products.record.parent.iterdir()) == [products.record]


@pytest.mark.parametrize("name", ["scan_restored.nrrd", "scan_restored.raw", "scan_mask.dcm", "scan_restored.txt"])
def test_foreign_files_next_to_unfinished_products_are_kept(tmp_path: Path, name: str) -> None:
    products = restored(tmp_path)
    products.record.unlink()
    foreign = products.record.with_name(name)
    foreign.write_bytes(b"mine")
    assert medpaint.verify(restored(tmp_path).record).holds
    assert foreign.read_bytes() == b"mine"


def test_unfinished_products_of_a_series_are_replaced_with_their_segmentation(tmp_path: Path) -> None:
    Phantom(shape=(18, 16, 5)).write(tmp_path / "scan")
    for _ in range(2):
        done = medpaint.restore(tmp_path / "scan", series_mask(), output=tmp_path / "out", engine="nearest")
        assert done.products is not None
        assert medpaint.verify(done.products.record).holds
        done.products.record.unlink()


def test_a_mask_of_the_user_does_not_make_products_medpaints_own(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    save(hole(), tmp_path / "out" / "scan_mask.nii.gz")
    before = files_in(tmp_path / "out")
    with pytest.raises(InputError, match=r"scan_mask\.nii\.gz is there already"):
        restored(tmp_path, overwrite=True)
    assert files_in(tmp_path / "out") == before


def restored_series(folder: Path, **options: Any) -> Products:
    """Restore a DICOM series into ``out`` quickly and return the products."""
    if not (folder / "scan").exists():
        Phantom(shape=(18, 16, 5)).write(folder / "scan")
    done = medpaint.restore(folder / "scan", series_mask(), output=folder / "out", engine="nearest", **options)
    assert done.products is not None
    return done.products


@pytest.mark.parametrize("make", [restored, restored_series])
@pytest.mark.parametrize("step", range(8))
def test_a_run_stopped_anywhere_leaves_what_the_next_one_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Products], step: int
) -> None:
    make(tmp_path)
    left = [step]

    def stopping(work: Callable[..., Any]) -> Callable[..., Any]:
        def stop_or_work(*words: Any, **options: Any) -> Any:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return work(*words, **options)

        return stop_or_work

    with monkeypatch.context() as patch:
        patch.setattr(destination, "_remove", stopping(destination._remove))
        patch.setattr(Path, "replace", stopping(Path.replace))
        with suppress(KeyboardInterrupt):
            make(tmp_path, overwrite=True)
    try:
        products = make(tmp_path)
    except InputError:
        products = make(tmp_path, overwrite=True)
    assert medpaint.verify(products.record).holds
    kept = {products.restored, products.mask, products.record, products.segmentation}
    assert set(products.record.parent.iterdir()) <= kept


def test_a_file_that_the_user_put_into_a_restored_series_is_kept(tmp_path: Path) -> None:
    products = restored_series(tmp_path)
    notes = products.restored / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt is there already"):
        restored_series(tmp_path, overwrite=True)
    record_failure(failure_record("truncated", Parameters()), products.record.parent, "scan")
    assert [path.name for path in products.restored.iterdir()] == ["notes.txt"]


def test_a_file_that_appears_during_the_work_is_kept(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    appeared = tmp_path / "out" / "scan_restored.nii.gz"

    def report(step: str, _: float) -> None:
        if step == "write":
            appeared.write_bytes(b"mine")

    with pytest.raises(InputError, match="is there already"):
        medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest", progress=report)
    assert files_in(tmp_path / "out") == {appeared.name: b"mine"}


@pytest.mark.parametrize("alien", ["../scan.nii.gz", "/etc", "notes.txt"])
def test_a_changed_record_does_not_make_other_files_medpaints_own(tmp_path: Path, alien: str) -> None:
    products = restored(tmp_path)
    (products.record.parent / "notes.txt").write_text("mine")
    record = json.loads(products.record.read_text())
    record["write"]["products"][0]["files"] = [alien]
    products.record.write_text(json.dumps(record))
    with suppress(InputError):
        restored(tmp_path, overwrite=True)
    assert (tmp_path / "scan.nii.gz").exists()
    assert (products.record.parent / "notes.txt").read_text() == "mine"


def test_names_are_compared_exactly(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path, "sub.01")
    done = medpaint.restore(scan, mask, output=tmp_path, engine="nearest")
    assert done.products is not None
    assert done.products.restored == tmp_path / "sub.01_restored.nii.gz"


@pytest.mark.parametrize("product", ["scan_mask.nii.gz", "scan_record.json", "scan_restored.nii.gz"])
def test_a_pipe_in_the_place_of_a_product_is_not_opened(tmp_path: Path, product: str) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / product)
    with pytest.raises(InputError, match=product):
        restored(tmp_path)


def test_the_given_mask_is_never_replaced(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    given = mask.rename(tmp_path / "scan_mask.nii.gz")
    with pytest.raises(InputError, match=r"would replace .*scan_mask\.nii\.gz"):
        medpaint.restore(scan, given, output=tmp_path, overwrite=True)


def test_the_mask_of_an_earlier_run_can_be_given_but_not_replaced(tmp_path: Path) -> None:
    products = restored(tmp_path)
    with pytest.raises(InputError, match="would replace"):
        medpaint.restore(tmp_path / "scan.nii.gz", products.mask, output=tmp_path / "out", overwrite=True)
    assert medpaint.verify(products.record).holds


def test_the_scan_is_never_replaced(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path, "t1_restored")
    with pytest.raises(InputError, match="would replace"):
        medpaint.restore(scan, mask, output=tmp_path, name="t1", overwrite=True)


def test_the_voxel_file_of_a_header_is_never_replaced(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(phantom().transpose(2, 1, 0))
    SimpleITK.WriteImage(image, str(tmp_path / "y_restored.mhd"))
    before = files_in(tmp_path)
    with pytest.raises(InputError, match="would replace"):
        medpaint.restore(tmp_path / "y_restored.mhd", hole(), output=tmp_path, name="y", overwrite=True)
    assert files_in(tmp_path) == before


def test_the_voxel_file_of_another_image_is_never_replaced(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(phantom().transpose(2, 1, 0))
    SimpleITK.WriteImage(image, str(tmp_path / "y.mhd"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "y_restored.raw").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"y_restored\.raw is there already"):
        medpaint.restore(tmp_path / "y.mhd", hole(), output=tmp_path / "out", engine="nearest")


def test_the_voxel_file_of_a_product_is_replaced_with_it(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(phantom().transpose(2, 1, 0))
    SimpleITK.WriteImage(image, str(tmp_path / "y.mhd"))
    for overwrite in (False, True):
        done = medpaint.restore(
            tmp_path / "y.mhd", hole(), output=tmp_path / "out", engine="nearest", overwrite=overwrite
        )
        assert done.record.products[0].files == ("y_restored.raw",)
    assert set(files_in(tmp_path / "out")) == {
        "y_restored.mhd", "y_restored.raw", "y_mask.nii.gz", "y_record.json"
    }  # fmt: skip


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    with pytest.raises(InputError, match="expected a folder"):
        medpaint.restore(scan, mask, output=scan, engine="nearest")


def series_mask() -> Array:
    """Return a mask for a series of 16 x 18 x 5 voxels."""
    mask = np.zeros((16, 18, 5), bool)
    mask[6:9, 6:9, 2] = True
    return mask


def test_products_do_not_go_into_the_folder_of_a_series(tmp_path: Path) -> None:
    Phantom(shape=(18, 16, 5)).write(tmp_path / "series")
    with pytest.raises(InputError, match="is inside"):
        medpaint.restore(tmp_path / "series", series_mask(), output=tmp_path / "series" / "out")
    assert not (tmp_path / "series" / "out").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "-x", "a b"])
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    scan, mask = save_pair(tmp_path)
    with pytest.raises(UsageError, match="expected a name"):
        medpaint.restore(scan, mask, output=tmp_path / "out", name=name)


def test_a_refused_scan_leaves_no_folder(tmp_path: Path) -> None:
    scan, mask = unreadable_scan(tmp_path)
    with pytest.raises(InputError, match="truncated"):
        medpaint.restore(scan, mask, output=tmp_path / "new" / "out", engine="nearest")
    assert not (tmp_path / "new").exists()


def test_a_second_run_into_the_same_place_is_refused(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    folder = tmp_path / "out"
    with claimed(folder, "scan", scan=scan, mask=mask):
        with pytest.raises(LockedError, match="another process is writing scan"):
            medpaint.restore(scan, mask, output=folder, engine="nearest", overwrite=True)
        medpaint.restore(scan, mask, output=folder, name="other", engine="nearest")
    assert medpaint.verify(folder / "other_record.json").holds


def test_a_rerun_cleans_up_after_a_killed_process(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    script = f"""
import os, signal
import medpaint.pipeline.destination as destination
destination.Destination.fill = lambda self: os.kill(os.getpid(), signal.SIGKILL)
import medpaint
medpaint.restore({str(scan)!r}, {str(mask)!r}, output={str(tmp_path / "out")!r}, engine="nearest")
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert any(path.name.startswith(".part.") for path in (tmp_path / "out").iterdir())
    products = restored(tmp_path)
    assert set(products.record.parent.iterdir()) == {products.restored, products.mask, products.record}


def test_a_changed_format_leaves_no_old_product(tmp_path: Path) -> None:
    products = restored(tmp_path)
    plain = save(phantom(), tmp_path / "scan.nii")
    done = medpaint.restore(plain, hole(), output=tmp_path / "out", engine="nearest", overwrite=True)
    assert done.products is not None
    assert done.products.restored.suffix == ".nii"
    assert not products.restored.exists()
