"""An inspection finds every image and says why one cannot be restored."""

from __future__ import annotations

import errno
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from codestreams import broken_decoder, series
from dicom_phantom import Phantom, in_series
from pydicom import FileDataset
from pydicom.uid import JPEGLSLossless

from medpaint.cli.main import main
from medpaint.core.errors import InputError, UnreadableError
from medpaint.core.volume import Volume
from medpaint.io.inspected import Pixels
from medpaint.io.inspection import inspect
from medpaint.io.reading import read_selected
from medpaint.io.selection import Selection
from medpaint.io.source import Source

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

DATA = np.random.default_rng(0).integers(0, 99, (20, 30, 12), np.int16)


def save_nifti(path: Path, data: np.ndarray = DATA) -> Path:
    """Save an image of 1 x 2 x 3 mm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([-1.0, 2.0, 3.0, 1.0])), path)
    return path


def test_a_file_is_described(tmp_path: Path) -> None:
    path = save_nifti(tmp_path / "scan.nii.gz")
    (found,) = inspect(path)
    assert (found.path, found.kind, found.name) == (path, "nifti", "scan.nii.gz")
    assert (found.shape, found.spacing_mm, found.dtype, found.axes) == (
        (20, 30, 12),
        (1.0, 2.0, 3.0),
        "int16",
        "LAS",
    )
    assert found.restorable
    assert not found.reason


def test_a_folder_is_searched_with_its_subfolders(tmp_path: Path) -> None:
    save_nifti(tmp_path / "b" / "scan.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(tmp_path / "a.mhd"))
    Phantom().write(tmp_path / "c" / "series")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".part.left.nii").write_bytes(b"left over")
    found = inspect(tmp_path)
    assert [finding.kind for finding in found] == ["metaimage", "nifti", "dicom"]
    assert all(finding.restorable for finding in found)


def test_refusals_become_reasons(tmp_path: Path) -> None:
    save_nifti(tmp_path / "4d.nii", np.zeros((3, 3, 3, 2), np.uint8))
    save_nifti(tmp_path / "complex.nii", np.zeros((3, 3, 3), np.complex64))
    (tmp_path / "empty.nrrd").write_bytes(b"")
    short = save_nifti(tmp_path / "short.nii")
    short.write_bytes(short.read_bytes()[:-1])
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(tmp_path / "without.mhd"))
    (tmp_path / "without.raw").unlink()
    reasons = {finding.name: finding.reason for finding in inspect(tmp_path) if not finding.restorable}
    assert len(reasons) == 5
    assert "--frame 0..1" in reasons["4d.nii"]
    assert "complex64" in reasons["complex.nii"]
    assert "not a NRRD file" in reasons["empty.nrrd"]
    assert "truncated" in reasons["short.nii"]
    assert "the data file that its header names is not there" in reasons["without.mhd"]


@pytest.mark.parametrize("frames", [(), (3,)])
def test_a_single_file_is_read_completely(tmp_path: Path, frames: tuple[int, ...]) -> None:
    path = save_nifti(tmp_path / "scan.nii.gz", np.resize(DATA, (20, 30, 12, *frames)))
    path.write_bytes(path.read_bytes()[:-100])
    (found,) = inspect(path)
    assert not found.restorable
    assert "truncated" in found.reason
    assert found.shape == (20, 30, 12, *frames)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none among 0 files"):
        inspect(tmp_path)
    with pytest.raises(InputError, match="no such path"):
        inspect(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(UnreadableError, match="a text file"):
        inspect(tmp_path / "notes.txt")


def test_frames_are_read_in_one_pass_and_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(20 * 30 * 12 * 7, dtype=np.int32).reshape(20, 30, 12, 7)
    path = save_nifti(tmp_path / "scan.nii.gz", data)
    sitk.WriteImage(sitk.ReadImage(str(path)), str(tmp_path / "scan.nrrd"), useCompression=True)
    reads: list[Path] = []

    def read(path: Path, selection: Selection) -> tuple[Volume, Source]:
        reads.append(path)
        return read_selected(path, selection)

    monkeypatch.setattr("medpaint.io.inspection.read_selected", read)
    (shallow,) = inspect(path)
    assert shallow.pixels is None
    steps: list[float] = []
    found = inspect(tmp_path, deep=True, progress=lambda _, fraction: steps.append(fraction))
    for one in found:
        assert one.pixels == Pixels(lowest=0.0, highest=float(data.max()), non_finite=0, padding=0)
        assert "--frame 0..6" in one.reason
    assert len(reads) == 1 + len(found) == 3
    np.testing.assert_allclose(steps, [0, *np.arange(1, 8) / 14, 0.5, *np.arange(8, 15) / 14])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EIO, "Input/output error", "scan"), "cannot read or write scan: Input/output error"),
        (MemoryError(), "reading its voxels takes more memory than there is"),
    ],
)
def test_what_the_machine_cannot_read_leaves_the_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def read(path: Path, selection: Selection) -> tuple[Volume, Source]:
        if path.name == "a.nii":
            raise error
        return read_selected(path, selection)

    for name in ("a.nii", "b.nii"):
        save_nifti(tmp_path / name)
    monkeypatch.setattr("medpaint.io.inspection.read_selected", read)
    first, second = inspect(tmp_path, deep=True)
    assert (first.restorable, first.reason) == (False, reason)
    assert second.restorable
    assert second.pixels is not None


def test_a_killed_decoder_leaves_the_other_images(tmp_path: Path) -> None:
    save_nifti(tmp_path / "z.nii")
    series(tmp_path / "series", JPEGLSLossless)
    with broken_decoder("os.kill(os.getpid(), 9)"):
        other, found = inspect(tmp_path, deep=True)
    assert other.pixels is not None
    assert not found.restorable
    assert found.reason == "the decoder was killed (SIGKILL), probably because memory ran out"


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2." + "3" * 67, "1.2." + "3" * 67),
        ("1." + "3" * 127, "a text of 129 characters, withheld because it could name a person (no valid UID)"),
        ("DOE^JANE", "a text of 8 characters, withheld because it could name a person (no valid UID)"),
        ("DOE#JANE", "a text of 8 characters, withheld because it could name a person (no valid UID)"),
    ],
)
def test_a_series_with_an_invalid_uid_is_read_and_not_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], uid: str, name: str
) -> None:
    Phantom(change=in_series(uid)).write(tmp_path / "a")
    Phantom(series="1.2.3").write(tmp_path / "b")
    found = {one.path.name: one for one in inspect(tmp_path, deep=True)}
    assert (found["a"].restorable, found["a"].reason, found["a"].name) == (True, "", name)
    assert found["a"].pixels is not None
    assert main(["inspect", str(tmp_path), "--deep"]) == 0
    assert f"  series    {name}\n" in capsys.readouterr().out
    assert "DOE" not in repr(found)


def test_a_volume_of_a_series_with_an_invalid_uid_is_read(tmp_path: Path) -> None:
    for echo in (1, 2):
        Phantom(modality="MR", series=f"1.2.{echo}", change=_echo(echo)).write(tmp_path / str(echo))
    found = inspect(tmp_path, deep=True)
    assert [one.restorable for one in found] == [True, True]
    assert all(one.name.endswith(f"(no valid UID)#{one.facts['part']}") for one in found)


def _echo(number: int) -> Callable[[FileDataset, int], None]:
    def change(dataset: FileDataset, index: int) -> None:
        in_series("DOE#JANE")(dataset, index)
        dataset.EchoTime = 5.0 * number

    return change
