"""What a scan came from, and how the same kind of file is written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from medpaint.core.types import Array, Mask

__all__ = ["Derivation", "Source"]


@dataclass(frozen=True)
class Derivation:
    """How a restored scan came about, for formats that say so in their headers.

    Attributes:
        description: one plain sentence.
        key: text that is the same whenever scan, mask and parameters are; new identifiers derive from it.
        compress: ``none``, or how pixels are compressed without loss, for formats that have such ways.
        secret: with one, what names a person is taken out, and identifiers that take the place of others follow
            from it; empty leaves everything in. For formats that say who was scanned.
    """

    description: str
    key: str
    compress: str = "none"
    secret: bytes = field(default=b"", repr=False)


class Source(Protocol):
    """The file or series that a volume was read from.

    Attributes:
        path: what was read, as the caller named it: a file, or the folder of a series.
        files: every file that was read.
        kind: ``nifti``, ``nrrd``, ``metaimage`` or ``dicom``.
        suffix: ending of a product of the same kind, such as ``.nii.gz``; empty where it is a folder.
        sha256: hash of the file's bytes; for a series, of its files' hashes in slice order.
        facts: what else a person asks about the scan: modality, axes, frames, transfer syntax. No patient data.
        warnings: what was noticed while reading and did not prevent it, a sentence each.
        absent: slices along K that were absent and put back, to be filled.
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

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` as the same kind of file, whole or not at all.

        Args:
            data: stored values, (I, J, K), of the dtype of the volume that was read.
            mask: True where `data` may differ from what was read, (I, J, K).
            path: the file, or for a series the folder, to make; replaced where it exists.
            derivation: what to say about the change.
        """
        ...
