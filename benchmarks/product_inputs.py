"""Inputs of benchmarks/products.py that are files of one volume: NIfTI, NRRD and MetaImage."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import SimpleITK
from numpy.typing import NDArray

Affine = NDArray[np.float64]
Values = NDArray[Any]

SHAPE: Final = (32, 36, 30)
LOST: Final = [9, 15, 16]
"""Slices along K that are lost."""

COSINE, SINE = float(np.cos(0.1)), float(np.sin(0.1))
TILTED: Final = np.array(
    [
        [-2 * COSINE, 0.0, 2 * SINE, 30.0],
        [0.0, 2.0, 0.0, -40.0],
        [2 * SINE, 0.0, 2 * COSINE, -35.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
"""Voxel to RAS+ mm of the scans."""

STRAIGHT: Final = np.diag([-2.0, -2.0, 2.0, 1.0])
"""The same for NRRD and MetaImage files."""

COHORT: Final = """\
scan\timage\tmask\tengine
a-hole\tscans/head.nii.gz\tscans/small.nii.gz\t
b-lost\tscans/lost.nii.gz\t\t
c-soft\tscans/scaled.nii.gz\tscans/large.nii.gz\tnearest
d-other-grid\tscans/head.nii.gz\tscans/coarse.nii.gz\t
"""
"""The table of the cohort; its last scan fails."""


def block(shape: tuple[int, ...], *bounds: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask of one block: first and end along each axis, by default the middle third."""
    spans = bounds or tuple((size // 3, size - size // 3) for size in shape)
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


def save_nifti(data: Values, path: Path, affine: Affine = TILTED) -> Path:
    """Write a NIfTI-1 file, masks as uint8."""
    values = data.astype(np.uint8) if data.dtype == bool else data
    nib.Nifti1Image(values, affine).to_filename(path)  # type: ignore[no-untyped-call]
    return path


def write_volumes(folder: Path) -> None:
    """Write the volumes and their masks into an existing folder."""
    from medpaint.phantoms import head

    bright = head(SHAPE, (6.0, 6.0, 6.0))
    data = np.rint(1000 * bright).astype(np.int16)
    lost = data.copy()
    lost[:, :, LOST] = 0
    holed = bright.copy()
    holed[12:15, 14:18, 12:14] = np.nan
    save_nifti(data, folder / "head.nii.gz")
    save_nifti(lost, folder / "lost.nii.gz")
    save_nifti(bright, folder / "float.nii.gz")
    save_nifti(holed, folder / "nan.nii.gz")
    save_nifti(np.stack([data, data * 9 // 10, data // 2], axis=3)[8:24, 8:28, 8:20], folder / "series.nii.gz")
    save_nifti(block((16, 20, 12)), folder / "series-mask.nii.gz")
    save_nifti(head((64, 72, 40), (4.0, 4.0, 4.0))[:, :, 20], folder / "flat.nii")
    save_nifti(block((64, 72, 1), (20, 32), (30, 44), (0, 1)), folder / "flat-mask.nii")
    _write_masks(folder)
    _write_variants(data, folder)
    _write_itk(data, folder)


def _write_masks(folder: Path) -> None:
    """Write the masks of the head: holes, slices, labels, and the same hole in other ways."""
    small = block(SHAPE, (12, 18), (14, 20), (12, 17))
    large = block(SHAPE, (9, 23), (10, 26), (8, 20))
    slices = np.zeros(SHAPE, bool)
    slices[:, :, LOST] = True
    labels = small * np.uint8(1) + block(SHAPE, (8, 11), (8, 12), (12, 17)) * np.uint8(2)
    labels += block(SHAPE, (20, 24), (20, 23), (10, 13)) * np.uint8(3)
    save_nifti(small, folder / "small.nii.gz")
    save_nifti(large, folder / "large.nii.gz")
    save_nifti(slices, folder / "slices.nii.gz")
    save_nifti(labels, folder / "labels.nii.gz")
    save_nifti(~small, folder / "inverted.nii.gz")
    save_nifti(np.zeros(SHAPE, bool), folder / "empty.nii.gz")
    save_nifti(small[::2, ::2, ::2], folder / "coarse.nii.gz", TILTED @ np.diag([2.0, 2.0, 2.0, 1.0]))
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = SHAPE[0] - 1
    save_nifti(small[::-1].transpose(0, 2, 1), folder / "turned.nii.gz", (TILTED @ flip)[:, [0, 2, 1, 3]])


def _write_variants(data: Values, folder: Path) -> None:
    """Write the head as other kinds of NIfTI file: scaled, big-endian, version 2, with two transforms."""
    raw = bytearray(save_nifti(data, folder / "scaled.nii").read_bytes())
    raw[112:120] = struct.pack("<2f", 0.25, -100.0)  # scl_slope, scl_inter
    (folder / "scaled.nii").write_bytes(raw)
    (folder / "scaled.nii.gz").write_bytes(gzip.compress(bytes(raw), mtime=0))
    header: Any = nib.Nifti1Header(endianness=">")  # type: ignore[no-untyped-call]
    header.set_data_dtype(">i2")
    big: Any = nib.Nifti1Image(data.astype(">i2"), TILTED, header)  # type: ignore[no-untyped-call]
    big.to_filename(folder / "big-endian.nii")
    nib.Nifti2Image(data, TILTED).to_filename(folder / "second.nii.gz")  # type: ignore[no-untyped-call]
    two: Any = nib.Nifti1Image(data, TILTED)  # type: ignore[no-untyped-call]
    two.set_qform(STRAIGHT, code=1)
    two.set_sform(TILTED, code=4)
    two.header["descrip"] = b"two transforms"
    two.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a comment"))
    two.to_filename(folder / "two-forms.nii")


def _write_itk(data: Values, folder: Path) -> None:
    """Write the head and its mask as NRRD and MetaImage files, of one file or of two."""
    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing([2.0, 2.0, 2.0])
    image.SetMetaData("subject", "phantom")
    for name, compress in (("head.nrrd", True), ("head.nhdr", False), ("head.mha", True), ("head.mhd", True)):
        SimpleITK.WriteImage(image, str(folder / name), useCompression=compress)
    mask = block(SHAPE, (12, 18), (14, 20), (12, 17)).astype(np.uint8)
    drawn: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(mask.T))
    drawn.SetSpacing([2.0, 2.0, 2.0])
    SimpleITK.WriteImage(drawn, str(folder / "itk-mask.nrrd"))


def write_cohort(folder: Path, volumes: Path) -> None:
    """Write a cohort of four of the volumes, one of which fails."""
    for name in ("scans", "config"):
        (folder / name).mkdir(parents=True)
    for name in ("head", "lost", "scaled", "small", "large", "coarse"):
        shutil.copy(volumes / f"{name}.nii.gz", folder / "scans")
    (folder / "config" / "scans.tsv").write_text(COHORT, encoding="utf-8")
    config = "batch_size: 2\nrestore:\n  engine: harmonic\n  edge_mm: 3\n"
    (folder / "config" / "config.yaml").write_text(config, encoding="utf-8")
