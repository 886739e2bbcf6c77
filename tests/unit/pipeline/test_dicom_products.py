"""The mask of a restored DICOM series is also written as a segmentation that a viewer overlays on the scan."""

from __future__ import annotations

import shutil
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom, validator_errors
from multiframe_phantom import enhanced
from pydicom import FileDataset
from pydicom.uid import UID
from scans import save_pair

from medpaint.audit.verify import verify
from medpaint.core.errors import AmbiguousError, InputError
from medpaint.core.types import Mask
from medpaint.pipeline.case import Restoration
from medpaint.pipeline.restore import restore

SHAPE = (14, 12, 6)


def mask() -> Mask:
    """Return a block in two of six slices."""
    found = np.zeros(SHAPE, bool)
    found[4:8, 3:8, 2:4] = True
    return found


def restored(folder: Path, phantom: Phantom | None = None, hole: Mask | None = None) -> Restoration:
    scan = phantom or Phantom(shape=(12, 14, 6), orientation=OBLIQUE)
    scan.write(folder / "scan")
    return restore(folder / "scan", mask() if hole is None else hole, output=folder / "out", engine="nearest")


def roles(done: Restoration) -> list[str]:
    return [product.role for product in done.record.products]


def test_the_mask_is_written_as_a_segmentation_of_the_source(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert roles(done) == ["restored", "mask", "segmentation"]
    assert done.products is not None
    segmentation = highdicom.seg.segread(done.products.segmentation)
    sources = [pydicom.dcmread(file) for file in sorted((tmp_path / "scan").iterdir())]
    assert segmentation.StudyInstanceUID == sources[0].StudyInstanceUID
    assert segmentation.FrameOfReferenceUID == sources[0].FrameOfReferenceUID
    assert segmentation.SeriesInstanceUID != sources[0].SeriesInstanceUID
    referenced = {one[2] for one in segmentation.get_source_image_uids()}
    assert referenced == {one.SOPInstanceUID for one in sources[2:4]}
    (described,) = segmentation.SegmentSequence
    assert described.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "medpaint"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_the_segmentation_is_valid(tmp_path: Path, modality: str) -> None:
    phantom = Phantom(modality=modality, shape=(12, 14, 6), dtype="int16" if modality == "CT" else "uint16")
    done = restored(tmp_path, phantom)
    assert done.products is not None
    assert not validator_errors(done.products.segmentation)


def two_slices() -> Mask:
    """Return a mask of two slices with others between."""
    found = np.zeros(SHAPE, bool)
    found[4:8, 3:8, [0, 3]] = True
    return found


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_a_mask_of_distant_slices_is_on_the_grid_of_the_scan(tmp_path: Path) -> None:
    done = restored(tmp_path, hole=two_slices())
    assert done.products is not None
    assert not verify(done.products.record).problems
    assert not validator_errors(done.products.segmentation)
    again = restore(tmp_path / "scan", done.products.segmentation, engine="nearest")
    np.testing.assert_array_equal(again.mask, two_slices())


def test_a_wrong_step_in_a_segmentation_does_not_move_its_slices(tmp_path: Path) -> None:
    done = restored(tmp_path, hole=two_slices())
    assert done.products is not None
    dataset = pydicom.dcmread(done.products.segmentation)
    (measures,) = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    measures.SpacingBetweenSlices = 3 * measures.SpacingBetweenSlices
    dataset.save_as(tmp_path / "other.dcm")
    again = restore(tmp_path / "scan", tmp_path / "other.dcm", engine="nearest")
    np.testing.assert_array_equal(again.mask, two_slices())


def test_the_segmentation_is_the_same_on_every_run(tmp_path: Path) -> None:
    written = []
    for run in ("a", "b"):
        done = restored(tmp_path / run)
        assert done.products is not None
        written.append(done.products.segmentation.read_bytes())
    assert written[0] == written[1]


def test_a_segmentation_that_was_changed_does_not_verify(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert done.products is not None
    assert not verify(done.products.record).problems
    dataset = pydicom.dcmread(done.products.segmentation)
    dataset.PixelData = bytes(len(dataset.PixelData) - 1) + b"\1"
    dataset.save_as(done.products.segmentation)
    problems = verify(done.products.record).problems
    assert [problem.partition(" ")[2] for problem in problems] == [
        "is not the file that was written: its hash differs",
        "is not the mask that was applied",
    ]


def test_a_missing_frame_of_reference_is_recorded_as_the_reason(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        del dataset.FrameOfReferenceUID

    done = restored(tmp_path, Phantom(shape=(12, 14, 6), change=change))
    assert roles(done) == ["restored", "mask"]
    assert "the series has no frame of reference" in done.record.warnings[-1]
    assert done.products is not None
    assert not verify(done.products.record).problems


def test_an_empty_mask_makes_no_segmentation(tmp_path: Path) -> None:
    done = restored(tmp_path, hole=np.zeros(SHAPE, bool))
    assert roles(done) == ["restored", "mask"]


def test_a_foreign_file_in_place_of_the_segmentation_is_kept(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scan_mask.dcm").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"scan_mask\.dcm is there already"):
        restored(tmp_path)
    assert (tmp_path / "out" / "scan_mask.dcm").read_bytes() == b"mine"


def test_a_file_of_that_name_next_to_a_nifti_scan_is_kept(tmp_path: Path) -> None:
    scan, hole = save_pair(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scan_mask.dcm").write_bytes(b"mine")
    restore(scan, hole, output=tmp_path / "out", name="scan", engine="nearest")
    assert (tmp_path / "out" / "scan_mask.dcm").read_bytes() == b"mine"


def directions(folder: Path) -> None:
    """Write two volumes that only a private attribute tells apart."""
    for volume in (0, 1):

        def change(dataset: FileDataset, _k: int, volume: int = volume) -> None:
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{volume}")
            block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
            block.add_new(0x0E, "FD", [1.0 - volume, float(volume), 0.0])

        Phantom(modality="MR", dtype="uint16", shape=(12, 14, 6), change=change).write(folder / str(volume))


def test_a_volume_chosen_by_what_deidentification_removes_is_restored(tmp_path: Path) -> None:
    directions(tmp_path / "scan")
    (tmp_path / "key").write_text("nobody guesses this line")
    (tmp_path / "key").chmod(0o600)
    done = restore(
        tmp_path / "scan",
        mask(),
        output=tmp_path / "out",
        engine="nearest",
        series="1.2.3.4#gradient=0.000/1.000/0.000",
        deidentify=str(tmp_path / "key"),
    )
    assert roles(done) == ["restored", "mask", "segmentation"]
    assert done.products is not None
    assert not verify(done.products.record).problems


def test_a_volume_chosen_by_its_order_is_restored(tmp_path: Path) -> None:
    for volume in (0, 1):

        def change(dataset: FileDataset, k: int, volume: int = volume) -> None:
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{volume}")
            dataset.InstanceNumber = 2 * k + volume + 1

        Phantom(shape=(12, 14, 6), change=change).write(tmp_path / "scan" / str(volume))
    with pytest.raises(AmbiguousError, match="numbered in the order of instance-number"):
        restore(tmp_path / "scan", mask(), output=tmp_path / "out", engine="nearest")
    name = "1.2.3.4#instance-number-order=2"
    done = restore(tmp_path / "scan", mask(), output=tmp_path / "out", engine="nearest", series=name)
    assert done.record.read is not None
    assert done.record.read.facts["part"] == "instance-number-order=2"
    assert done.record.warnings[0].startswith("no attribute tells the 2 volumes apart")
    assert done.products is not None
    assert not verify(done.products.record).problems


def test_the_segmentation_refers_to_the_frames_of_its_volume(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    phantom = enhanced(tmp_path / "image.dcm", echoes=2)
    (tmp_path / "image.dcm").rename(tmp_path / "scan" / "image.dcm")
    hole = np.zeros((phantom.shape[1], phantom.shape[0], phantom.shape[2]), bool)
    hole[1:3, 2:4, 1:3] = True
    name = "1.2.3.4#echo-time=9.0"
    done = restore(tmp_path / "scan", hole, output=tmp_path / "out", engine="nearest", series=name)
    assert roles(done) == ["restored", "mask", "segmentation"]
    assert done.products is not None
    assert not verify(done.products.record).problems
    written = pydicom.dcmread(done.products.segmentation)
    image = pydicom.dcmread(tmp_path / "scan" / "image.dcm")
    for item in written.PerFrameFunctionalGroupsSequence:
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        frame = image.PerFrameFunctionalGroupsSequence[source.ReferencedFrameNumber - 1]
        assert frame.MREchoSequence[0].EffectiveEchoTime == 9.0
        assert item.PlanePositionSequence == frame.PlanePositionSequence
    again = restore(tmp_path / "scan", done.products.segmentation, engine="nearest", series=name)
    np.testing.assert_array_equal(again.mask, hole)
