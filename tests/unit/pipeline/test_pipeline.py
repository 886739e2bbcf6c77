"""One scan, from reading to the record, through the public function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from dicom_phantom import Phantom
from scans import AFFINE, SHAPE, hole, phantom, save, save_pair, voxels_of

import medpaint
from medpaint.core.encoding import Encoding
from medpaint.core.errors import InputError, MaskError, UsageError
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.engines.filling import fill
from medpaint.engines.registry import engine_names
from medpaint.core.checksum import checksum_outside
from medpaint.record.entries import Record


@pytest.mark.parametrize("engine", engine_names())
def test_every_engine_restores_and_leaves_the_rest_alone(tmp_path: Path, engine: str) -> None:
    scan, mask = save_pair(tmp_path)
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out", engine=engine)
    assert restoration.products is not None
    before, after = voxels_of(scan), voxels_of(restoration.products.restored)
    assert nib.load(restoration.products.restored).header == nib.load(scan).header
    assert np.array_equal(before[~hole()], after[~hole()])
    truth = phantom()[hole()]
    assert np.abs(after[hole()] - truth).mean() < 0.6 * np.abs(before[hole()] - truth).mean()
    assert restoration.record.engine is not None
    assert engine in {restoration.record.engine.name, "auto"}


def test_slices_that_are_rescaled_each_on_its_own_are_restored() -> None:
    slope = np.linspace(0.5, 2.0, SHAPE[2]).reshape(1, 1, -1)
    stored = np.rint(phantom() / slope).astype(np.int16)
    scan = Volume(stored, AFFINE, Encoding.of(stored.dtype, slope=slope))
    restored = medpaint.restore(scan, hole(), engine="biharmonic").volume
    plain = medpaint.restore(phantom(), hole(), engine="biharmonic").volume
    assert np.abs(restored.intensities() - plain.intensities())[hole()].max() < 5.0
    assert np.array_equal(restored.data[~hole()], stored[~hole()])


def test_the_record_says_what_happened(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out", seed=3, dilate_mm=2.0)
    assert restoration.products is not None
    record = Record.model_validate_json(restoration.products.record.read_text())
    assert record == restoration.record
    assert [step.step for step in record.steps] == ["read", "mask", "inpaint", "blend", "write"]
    assert record.parameters["seed"] == 3
    assert record.parameters["dilate_mm"] == 2.0
    assert record.scan is not None
    assert record.scan.path == "../scan.nii.gz"
    assert record.mask is not None
    assert record.mask.path == "../scan-mask.nii.gz"
    assert record.mask.voxels > hole().sum()
    assert record.repaired is not None
    assert record.repaired.voxels == record.mask.voxels == restoration.mask.sum()
    assert record.repaired.ml == pytest.approx(restoration.mask.sum() * 0.008, rel=0.001)
    assert record.identity is not None
    assert record.identity.source_sha256 == record.identity.restored_sha256
    assert record.seam is not None
    assert 0.1 < record.seam < 3.0
    assert record.software["medpaint"] == medpaint.__version__


def test_the_mask_that_was_applied_is_written(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out")
    assert restoration.products is not None
    assert np.array_equal(voxels_of(restoration.products.mask) != 0, hole())
    written, _ = medpaint.read_scan(restoration.products.mask)
    assert np.allclose(written.affine, AFFINE, atol=1e-5)


def test_arrays_are_restored_like_files(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    from_file = medpaint.restore(scan, mask, output=tmp_path / "out", engine="biharmonic")
    damaged, _ = medpaint.read_scan(scan)
    from_volume = medpaint.restore(damaged, hole(), engine="biharmonic")
    assert np.array_equal(from_file.volume.data, from_volume.volume.data)
    assert from_volume.products is None
    flat = medpaint.restore(phantom()[:, :, 15], hole()[:, :, 14])
    assert flat.volume.shape == (32, 36, 1)


def test_the_same_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    products = [medpaint.restore(scan, mask, output=tmp_path / name).products for name in ("a", "b")]
    first, second = (product for product in products if product)
    assert first.restored.read_bytes() == second.restored.read_bytes()
    assert first.mask.read_bytes() == second.mask.read_bytes()


def test_lost_slices_are_found_without_a_mask(tmp_path: Path) -> None:
    data = phantom()
    data[:, :, [11, 12]] = 0
    restoration = medpaint.restore(save(data, tmp_path / "scan.nii.gz"), engine="biharmonic")
    assert restoration.record.mask is not None
    assert restoration.record.mask.origin == "detected"
    assert restoration.record.mask.findings[0]["slices"] == [11, 12]
    assert np.flatnonzero(restoration.mask.all(axis=(0, 1))).tolist() == [11, 12]


def test_an_empty_mask_passes_the_scan_through(tmp_path: Path) -> None:
    scan, _ = save_pair(tmp_path)
    empty = save(np.zeros(SHAPE, bool), tmp_path / "empty.nii.gz")
    restoration = medpaint.restore(scan, empty, output=tmp_path / "out")
    assert restoration.record.status == "nothing to repair"
    assert restoration.products is not None
    assert np.array_equal(voxels_of(scan), voxels_of(restoration.products.restored))
    assert "nothing to repair" in restoration.record.warnings[0]
    assert medpaint.verify(restoration.products.record).holds


def test_a_clean_dicom_series_passes_through_unchanged(tmp_path: Path) -> None:
    Phantom(shape=(18, 16, 5)).write(tmp_path / "series")
    restoration = medpaint.restore(tmp_path / "series", np.zeros((16, 18, 5), bool), output=tmp_path / "out")
    assert restoration.products is not None
    originals = {path.read_bytes() for path in (tmp_path / "series").iterdir()}
    assert {path.read_bytes() for path in restoration.products.restored.iterdir()} == originals
    assert medpaint.verify(restoration.products.record).holds


def test_voxels_that_are_no_number_are_neither_filled_nor_filled_from(tmp_path: Path) -> None:
    data = phantom().astype(np.float32)
    data[:, :, :4] = np.nan
    data[11, 14:20, 12:17] = np.nan
    restoration = medpaint.restore(save(data, tmp_path / "scan.nii"), hole(), engine="biharmonic")
    assert np.isfinite(restoration.volume.data[hole()]).all()
    assert checksum_outside(restoration.volume.data, hole()) == checksum_outside(data, hole())


def test_a_background_that_is_not_a_number_is_nothing_to_fill() -> None:
    shown: list[Mask] = []

    class Spy:
        context_mm = 200.0

        def fill(self, image: FloatArray, mask: Mask, *, spacing_mm: Spacing, seed: int) -> FloatArray:
            del spacing_mm, seed
            assert np.isfinite(image).all()
            shown.append(mask)
            return image

    data = np.full((90, 90, 90), np.nan, np.float32)
    data[30:60, 30:60, 30:60] = 7.0
    data[44, 44, 44] = np.nan
    mask = np.zeros(data.shape, dtype=bool)
    mask[41:44, 41:44, 41:44] = True
    fill(Volume.of(data), mask, Spy())
    assert len(shown) == 1
    assert np.count_nonzero(shown[0]) == np.count_nonzero(mask) + 1
    assert shown[0][44, 44, 44]


def test_a_mask_with_nothing_known_around_it_is_refused() -> None:
    data = np.full(SHAPE, np.nan, np.float32)
    data[:4] = 5.0
    data[0, 0, 0] = 6.0
    with pytest.raises(MaskError):
        medpaint.restore(data, hole(), max_fraction=1.0)


def test_a_mask_of_another_orientation_is_aligned(tmp_path: Path) -> None:
    scan, _ = save_pair(tmp_path)
    flipped = AFFINE @ np.array([[-1.0, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    save(hole()[::-1], tmp_path / "turned.nii.gz", flipped)
    restoration = medpaint.restore(scan, tmp_path / "turned.nii.gz", engine="nearest")
    assert restoration.record.mask is not None
    assert restoration.record.mask.grid == "reoriented"
    assert np.array_equal(restoration.mask, hole())


def test_nrrd_in_nrrd_out_with_a_nifti_mask(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(scan)), str(tmp_path / "scan.nrrd"))
    restoration = medpaint.restore(tmp_path / "scan.nrrd", mask, output=tmp_path / "out", engine="nearest")
    assert restoration.products is not None
    assert restoration.products.restored.name == "scan_restored.nrrd"
    source, restored = (
        medpaint.read_scan(path)[0] for path in (tmp_path / "scan.nrrd", restoration.products.restored)
    )
    assert np.array_equal(source.affine, restored.affine)
    assert medpaint.verify(restoration.products.record).holds


def test_a_frame_of_a_4d_scan_is_restored_and_the_others_kept(tmp_path: Path) -> None:
    series = np.stack([phantom(), phantom() + 1, phantom() + 2], axis=3)
    scan = save(series, tmp_path / "bold.nii.gz")
    restoration = medpaint.restore(scan, hole(), output=tmp_path / "out", frame=1, engine="nearest")
    assert restoration.products is not None
    after = voxels_of(restoration.products.restored)
    assert np.array_equal(after[..., [0, 2]], series[..., [0, 2]])
    assert not np.array_equal(after[..., 1], series[..., 1])
    assert medpaint.verify(restoration.products.record).holds


def test_finished_products_are_not_replaced_unasked(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    first = medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic")
    with pytest.raises(InputError, match="--overwrite"):
        medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic")
    assert first.products is not None
    first.products.record.unlink()
    with pytest.raises(InputError, match=r"scan_restored\.nii\.gz is there already"):
        medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic")
    medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic", overwrite=True)


def test_the_mask_that_was_given_is_never_written_over(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    mask.rename(tmp_path / "scan_mask.nii.gz")
    with pytest.raises(InputError, match=r"would replace .*scan_mask\.nii\.gz"):
        medpaint.restore(scan, tmp_path / "scan_mask.nii.gz", output=tmp_path, overwrite=True)


def test_a_file_of_voxels_beside_its_header_is_never_written_over(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(phantom().transpose(2, 1, 0))
    SimpleITK.WriteImage(image, str(tmp_path / "y_restored.mhd"))
    with pytest.raises(InputError, match="would replace"):
        medpaint.restore(tmp_path / "y_restored.mhd", hole(), output=tmp_path, name="y", overwrite=True)


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    with pytest.raises(InputError, match="expected a folder"):
        medpaint.restore(scan, mask, output=scan, engine="nearest")


def test_a_mask_that_resampling_takes_off_the_scan_is_refused(tmp_path: Path) -> None:
    scan, _ = save_pair(tmp_path)
    far = np.diag([3.0, 3.0, 3.0, 1.0])
    far[:3, 3] = 500.0
    save(np.ones((5, 5, 5), bool), tmp_path / "far.nii.gz", far)
    with pytest.raises(MaskError, match="do not overlap"):
        medpaint.restore(scan, tmp_path / "far.nii.gz", resample_mask=True)


def test_a_soft_edge_wider_than_the_mask_is_warned_of() -> None:
    warnings = medpaint.restore(phantom(), hole(), edge_mm=50.0).record.warnings
    assert any("soft edge is wider" in warning for warning in warnings)


@pytest.mark.parametrize("options", [{"labels": (3,)}, {"invert_mask": True}, {"resample_mask": True}])
def test_mask_options_without_a_mask_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    scan, _ = save_pair(tmp_path)
    with pytest.raises(UsageError, match="none was given"):
        medpaint.restore(scan, **options)


def test_a_frame_of_an_array_is_refused() -> None:
    with pytest.raises(UsageError, match="the scan is an array"):
        medpaint.restore(phantom(), hole(), frame=2)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "object", "longdouble"])
def test_arrays_that_are_no_scans_are_refused(dtype: str) -> None:
    with pytest.raises(InputError, match="real numbers"):
        medpaint.restore(phantom().astype(dtype), hole())


def test_the_scan_is_never_written_over(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path, "t1_restored")
    with pytest.raises(InputError, match="would replace"):
        medpaint.restore(scan, mask, output=tmp_path, name="t1", overwrite=True)


def test_products_do_not_go_among_a_series(tmp_path: Path) -> None:
    Phantom(shape=(18, 16, 5)).write(tmp_path / "series")
    mask = np.zeros((16, 18, 5), bool)
    mask[6:9, 6:9, 2] = True
    with pytest.raises(InputError, match="lies among the files"):
        medpaint.restore(tmp_path / "series", mask, output=tmp_path / "series")


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "-x", "a b"])
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    scan, mask = save_pair(tmp_path)
    with pytest.raises(UsageError, match="expected a name"):
        medpaint.restore(scan, mask, output=tmp_path / "out", name=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "magic"}, "magic"),
        ({"edge_mm": -1.0}, "edge_mm"),
        ({"edge_mm": float("nan")}, "edge_mm"),
        ({"colour": 1}, "colour"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        medpaint.restore(phantom(), hole(), **options)


def test_an_array_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="array"):
        medpaint.restore(phantom(), hole(), output=tmp_path)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(MaskError, match=r"\(32, 36, 30\), got \(3, 3, 3\)"):
        medpaint.restore(phantom(), np.ones((3, 3, 3), bool))


def test_progress_is_told_for_every_step(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    scan, mask = save_pair(tmp_path)

    def tell(step: str, done: float) -> None:
        told.append((step, done))

    medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest", progress=tell)
    assert list(dict.fromkeys(step for step, _ in told)) == ["read", "mask", "inpaint", "blend", "write"]
    assert all(0.0 <= done <= 1.0 for _, done in told)
