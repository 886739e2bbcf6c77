"""What one step hands to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from medpaint.core.errors import UsageError
from medpaint.core.types import Affine, FloatArray, Mask, Progress
from medpaint.core.volume import Volume
from medpaint.io.memory import nibabel_image, sitk_image
from medpaint.io.source import Source
from medpaint.layouts.plain import Products
from medpaint.record.entries import Draft, Record

__all__ = ["Blended", "Case", "Filled", "MaskLike", "Restoration", "Scan", "ScanLike", "report_progress"]

ScanLike: TypeAlias = object
"""A file, the folder or archive of a series, a volume, an image of SimpleITK or nibabel, or an array (I, J, K) or
what numpy makes one of. Anything else is refused."""

MaskLike: TypeAlias = object
"""A file, an image of SimpleITK or nibabel, an array on the scan's grid, or None to detect damage."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A scan that was read.

    Attributes:
        volume: its stored values.
        source: where it came from; None for what was in memory.
        image: the image of SimpleITK or nibabel that it was given as; None for anything else.
        draft: the record so far.
        positions: where its header says that the voxels are, see `medpaint.io.source.Source.positions`.
    """

    volume: Volume
    source: Source | None
    draft: Draft
    image: Any = None
    positions: Mapping[str, Affine] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Case:
    """A scan, and what is to be repaired in it.

    Attributes:
        volume: the scan.
        mask: True = repair, (I, J, K); may be empty.
        draft: the record so far.
    """

    volume: Volume
    mask: Mask
    draft: Draft


@dataclass(frozen=True, eq=False)
class Filled:
    """What an engine made of a case.

    Attributes:
        mask: True = repaired, (I, J, K).
        values: intensities, one for each True of `mask`, in C order, (N,).
        draft: the record so far.
    """

    mask: Mask
    values: FloatArray
    draft: Draft


@dataclass(frozen=True, eq=False)
class Blended:
    """A restored scan, ready to be written.

    Attributes:
        volume: the scan with the fill blended in; outside the mask bit for bit the scan.
        mask: True = repaired, (I, J, K).
        checksum: of the scan's stored values outside the mask, taken before anything was blended in.
        draft: the record so far.
    """

    volume: Volume
    mask: Mask
    checksum: str
    draft: Draft


@dataclass(frozen=True, eq=False)
class Restoration:
    """A restored scan.

    Attributes:
        volume: the scan with the filled voxels blended in; outside the mask bit for bit the scan.
        mask: True = repaired, (I, J, K).
        record: what made it.
        products: where it was written; None where it was not.
        image: the image of SimpleITK or nibabel that the scan was given as; None for anything else.
    """

    volume: Volume
    mask: Mask
    record: Record
    products: Products | None
    image: Any = field(default=None, repr=False)

    def as_given(self) -> Any:  # noqa: ANN401 - the types of other packages
        """Return the restored scan as the kind of image that the scan was given as.

        An image of SimpleITK comes back as one. A NIfTI image of nibabel comes back with its class and header, one
        of a .hdr/.img pair as a single file of its version; other classes of nibabel, such as `MGHImage`, come
        back as `Nifti1Image`.

        Raises:
            UsageError: the scan was not an image of SimpleITK or nibabel.
        """
        if self.image is None:
            message = "the scan was not an image of SimpleITK or nibabel: use volume, as_nibabel() or as_sitk()"
            raise UsageError(message)
        return self.as_nibabel() if hasattr(self.image, "dataobj") else self.as_sitk()

    def as_nibabel(self) -> Any:  # noqa: ANN401 - nibabel has no types
        """Return the restored scan as a NIfTI image of nibabel; with the header of the scan if that was one.

        NIfTI-1 stores the slope and the intercept of the values as float32, which can round those of another
        format.
        """
        return nibabel_image(self.volume, self.image if hasattr(self.image, "dataobj") else None)

    def as_sitk(self) -> Any:  # noqa: ANN401 - SimpleITK has no types
        """Return the restored scan as an image of SimpleITK; with the metadata of the scan if that was one."""
        return sitk_image(self.volume, self.image if hasattr(self.image, "GetDirection") else None)


def report_progress(progress: Progress | None, step: str, fraction: float) -> None:
    """Report progress to the listener, if there is one."""
    if progress is not None:
        progress(step, fraction)
