"""One scan, from reading to the record, through the public function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from dicom_phantom import Phantom
from networks import tiny_description
from scans import AFFINE, SHAPE, hole, phantom, save, save_pair, voxels_of

import medpaint
from medpaint.core.checksum import checksum_outside
from medpaint.core.encoding import Encoding
from medpaint.core.errors import InputError, MaskError, UsageError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Fill, Hole
from medpaint.engines.filling import fill
from medpaint.engines.images import values_at
from medpaint.engines.registry import engine_names
from medpaint.record.entries import Record


@pytest.mark.parametrize("engine", engine_names())
def test_every_engine_changes_only_the_hole(tmp_path: Path, engine: str) -> None:
    scan, mask = save_pair(tmp_path)
    described: dict[str, Any] = {"network": str(tiny_description(tmp_path))} if engine == "monai" else {}
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out", engine=engine, **described)
    assert restoration.products is not None
    before, after = voxels_of(scan), voxels_of(restoration.products.restored)
    assert nib.load(restoration.products.restored).header == nib.load(scan).header
    assert np.array_equal(before[~hole()], after[~hole()])
    truth = phantom()[hole()]
    assert np.abs(after[hole()] - truth).mean() < 0.6 * np.abs(before[hole()] - truth).mean()
    assert restoration.record.inpaint is not None
    assert restoration.record.inpaint.engine == engine


def test_slices_with_their_own_rescaling_are_restored() -> None:
    slope = np.linspace(0.5, 2.0, SHAPE[2]).reshape(1, 1, -1)
    stored = np.rint(phantom() / slope).astype(np.int16)
    scan = Volume(stored, AFFINE, Encoding.of(stored.dtype, slope=slope))
    restored = medpaint.restore(scan, hole(), engine="biharmonic").volume
    plain = medpaint.restore(phantom(), hole(), engine="biharmonic").volume
    assert np.abs(restored.intensities() - plain.intensities())[hole()].max() < 5.0
    assert np.array_equal(restored.data[~hole()], stored[~hole()])


def test_the_record_has_an_entry_of_each_step(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out", engine="biharmonic", seed=3, dilate_mm=2.0)
    assert restoration.products is not None
    record = Record.model_validate_json(restoration.products.record.read_text())
    assert record == restoration.record
    assert record.entries == (record.read, record.mask, record.inpaint, record.blend, record.write)
    assert record.parameters.fill.seed == 3
    assert record.parameters.mask.dilate_mm == 2.0
    assert record.read is not None
    assert record.read.path == "../scan.nii.gz"
    assert record.mask is not None
    assert record.mask.path == "../scan-mask.nii.gz"
    assert record.mask.voxels > hole().sum()
    assert record.software["medpaint"] == medpaint.__version__


def test_the_record_counts_what_was_repaired_and_proves_the_rest(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    done = medpaint.restore(scan, mask, output=tmp_path / "out", engine="biharmonic")
    record = done.record
    assert record.repaired is not None
    assert record.mask is not None
    assert record.repaired.voxels == record.mask.voxels == done.mask.sum()
    assert record.repaired.ml == pytest.approx(done.mask.sum() * 0.008, rel=0.001)
    assert record.inpaint is not None
    assert record.inpaint.filled_by == {"biharmonic": done.mask.sum()}
    assert record.write is not None
    assert record.write.identity.source_sha256 == record.write.identity.restored_sha256
    assert record.blend is not None
    assert record.blend.seam is not None
    assert 0.1 < record.blend.seam < 3.0


def test_the_mask_that_was_applied_is_written(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    restoration = medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest")
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
    flat = medpaint.restore(phantom()[:, :, 15], hole()[:, :, 14], engine="nearest")
    assert flat.volume.shape == (32, 36, 1)


def test_the_same_run_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    products = [
        medpaint.restore(scan, mask, output=tmp_path / name, engine="harmonic").products for name in ("a", "b")
    ]
    first, second = (product for product in products if product)
    assert first.restored.read_bytes() == second.restored.read_bytes()
    assert first.mask.read_bytes() == second.mask.read_bytes()


def test_lost_slices_are_found_without_a_mask(tmp_path: Path) -> None:
    data = phantom()
    data[:, :, [11, 12]] = 0
    restoration = medpaint.restore(save(data, tmp_path / "scan.nii.gz"), engine="biharmonic")
    assert restoration.record.mask is not None
    assert restoration.record.mask.origin == "detected"
    assert restoration.record.mask.findings[0].slices == (11, 12)
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


def test_non_finite_voxels_are_neither_filled_nor_filled_from(tmp_path: Path) -> None:
    data = phantom().astype(np.float32)
    data[:, :, :4] = np.nan
    data[11, 14:20, 12:17] = np.nan
    restoration = medpaint.restore(save(data, tmp_path / "scan.nii"), hole(), engine="biharmonic")
    assert np.isfinite(restoration.volume.data[hole()]).all()
    assert checksum_outside(restoration.volume.data, hole()) == checksum_outside(data, hole())


def test_a_background_of_nan_is_not_filled() -> None:
    shown: list[Mask] = []

    class Spy:
        context_mm = 200.0

        def fill(self, hole: Hole, *, seed: int) -> Fill:
            del seed
            assert np.isfinite(hole.image).all()
            shown.append(hole.mask)
            return Fill.by("spy", values_at(hole.image, hole.mask))

    data = np.full((90, 90, 90), np.nan, np.float32)
    data[30:60, 30:60, 30:60] = 7.0
    data[44, 44, 44] = np.nan
    mask = np.zeros(data.shape, dtype=bool)
    mask[41:44, 41:44, 41:44] = True
    fill(Volume.of(data), mask, Spy())
    assert len(shown) == 1
    assert np.count_nonzero(shown[0]) == np.count_nonzero(mask) + 1
    assert shown[0][44, 44, 44]


def test_a_mask_without_known_voxels_around_it_is_refused() -> None:
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


def test_a_mask_that_resampling_moves_off_the_scan_is_refused(tmp_path: Path) -> None:
    scan, _ = save_pair(tmp_path)
    far = np.diag([3.0, 3.0, 3.0, 1.0])
    far[:3, 3] = 500.0
    save(np.ones((5, 5, 5), bool), tmp_path / "far.nii.gz", far)
    with pytest.raises(MaskError, match="do not overlap"):
        medpaint.restore(scan, tmp_path / "far.nii.gz", resample_mask=True)


def test_a_soft_edge_wider_than_the_mask_gives_a_warning() -> None:
    warnings = medpaint.restore(phantom(), hole(), edge_mm=50.0, engine="nearest").record.warnings
    assert any("soft edge is wider" in warning for warning in warnings)


@pytest.mark.parametrize("options", [{"labels": (3,)}, {"invert_mask": True}, {"resample_mask": True}])
def test_mask_options_without_a_mask_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    scan, _ = save_pair(tmp_path)
    with pytest.raises(UsageError, match="none was given"):
        medpaint.restore(scan, **options)


def test_a_frame_of_an_array_is_refused() -> None:
    with pytest.raises(UsageError, match="the scan is an array"):
        medpaint.restore(phantom(), hole(), frame=2)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "longdouble"])
def test_arrays_of_other_than_real_numbers_are_refused(dtype: str) -> None:
    with pytest.raises(InputError, match="real numbers"):
        medpaint.restore(phantom().astype(dtype), hole())


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
def test_impossible_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        medpaint.restore(phantom(), hole(), **options)


def test_an_array_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="what is in memory has no file to be written like"):
        medpaint.restore(phantom(), hole(), output=tmp_path)


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(MaskError, match=r"\(32, 36, 30\), got \(3, 3, 3\)"):
        medpaint.restore(phantom(), np.ones((3, 3, 3), bool))


def test_progress_is_reported_for_every_step(tmp_path: Path) -> None:
    reports: list[tuple[str, float]] = []
    scan, mask = save_pair(tmp_path)

    def report(step: str, done: float) -> None:
        reports.append((step, done))

    medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest", progress=report)
    assert list(dict.fromkeys(step for step, _ in reports)) == ["read", "mask", "inpaint", "blend", "write"]
    assert all(0.0 <= done <= 1.0 for _, done in reports)
