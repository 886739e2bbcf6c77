"""The origin of a scan, and everything that depends on its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medpaint.core.types import Affine, Array, Mask
from medpaint.io.selection import Selection

__all__ = ["Derivation", "ReadBack", "Source"]


@dataclass(frozen=True)
class Derivation:
    """How a restored scan came about, for formats that record it in their headers.

    Attributes:
        description: one plain sentence.
        key: the same for the same scan, mask and parameters; new identifiers derive from it.
        compress: ``none``, or a lossless compression of pixels, for formats that support it.
        secret: if given, the product is de-identified, and its identifiers derive from the secret; empty leaves
            everything in. For formats that identify the patient.
    """

    description: str
    key: str
    compress: str = "none"
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class ReadBack:
    """A product as it is on the disk.

    Attributes:
        sha256: hash of its bytes, as `Source.sha256` counts them.
        checksum: of its stored values outside the mask, see `medpaint.core.checksum`.
    """

    sha256: str
    checksum: str


class Source(Protocol):
    """The file or series that a volume was read from, and all that depends on its format.

    Attributes:
        path: what was read, as the caller named it: a file, or the folder or archive of a series.
        files: every file that was read.
        kind: ``nifti``, ``nrrd``, ``metaimage`` or ``dicom``; for people, no code branches on it.
        suffix: ending of a product of the same kind, such as ``.nii.gz``; empty where it is a folder.
        sha256: hash of the file's bytes; for a series, of its files' hashes in slice order.
        selection: which volume of the file or series was read.
        identity: distinguishes this volume from others, also in its own file or series; new identifiers
            derive from it. For a file the hash and the frame, for a DICOM series its UID and the volume.
        facts: further details for people: modality, axes, frames, transfer syntax. No patient data.
        warnings: problems that did not prevent reading, a sentence each.
        absent: slices along K that were absent and have been put back, to be filled.
        positions: where the file says that the voxels are, by the names of what says so: affines, voxel index to
            RAS+ millimetres, (4, 4). The first is the volume's own; there are others only where the file
            contradicts itself, or where programs read it differently. Empty where it has no such names.
    """

    @property
    def path(self) -> Path:
        """What was read."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read."""
        ...

    @property
    def kind(self) -> str:
        """Which format."""
        ...

    @property
    def suffix(self) -> str:
        """Ending of a product."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of what was read."""
        ...

    @property
    def selection(self) -> Selection:
        """Which volume was read."""
        ...

    @property
    def identity(self) -> str:
        """What distinguishes this volume from others."""
        ...

    @property
    def facts(self) -> Mapping[str, str | int | float]:
        """What the format says."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed."""
        ...

    @property
    def absent(self) -> tuple[int, ...]:
        """Slices that were put back."""
        ...

    @property
    def positions(self) -> Mapping[str, Affine]:
        """Where the voxels are, by each of the statements in the file."""
        ...

    def recorded_facts(self, secret: bytes = b"") -> Mapping[str, str | int | float]:
        """Return the facts that a record may contain: with a secret, identifiers as they are in the products."""
        ...

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` as the same kind of file, completely or not at all.

        Args:
            data: stored values, (I, J, K), of the dtype of the volume that was read.
            mask: True where `data` may differ from what was read, (I, J, K).
            path: the file, or for a series the folder, to write; replaced if it exists.
            derivation: how the change came about; left to the record where the format has no place for it.

        Raises:
            InputError: the source is gone or has changed since it was read.
            MedpaintError: `path` cannot be written.
        """
        ...

    def read_back(self, path: Path, data: Array, mask: Mask) -> ReadBack:
        """Compare a product on the disk with what was to be written.

        Args:
            path: what `write` wrote.
            data: the stored values that it was given, (I, J, K).
            mask: True = repaired, (I, J, K).

        Raises:
            VerificationError: it does not contain the same values.
        """
        ...

    def write_mask(
        self, mask: Mask, nifti: Path, segmentation: Path, *, restored: Path | None, derivation: Derivation
    ) -> tuple[str, ...]:
        """Write the mask that was applied, or that detection found, on the scan's grid.

        It is always written as NIfTI; the mask of a NIfTI scan carries the scan's own qform, sform, codes and
        voxel sizes. Formats that have masks of their own write one of those too, where the mask is not empty and
        the format can express it.

        Args:
            mask: True = repaired, (I, J, K).
            nifti: the file to write.
            segmentation: the file to write in the scan's own format; not made where there is no such format.
            restored: the product that the mask belongs to, as `write` wrote it; None where nothing was
                restored, and the mask says what damage was found.
            derivation: as for `write`.

        Returns:
            What users should know about the products, a sentence each: why a mask in the scan's own format was not
            written, and what they lack that the scan has.

        Raises:
            MedpaintError: it cannot be written.
        """
        ...
