"""The table of formats: what each can do, loaded when it is first needed.

A new format is a module with a `Format`, a row here, and its first bytes and endings in `medpaint.io.sniff`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from medpaint.core.types import Progress
    from medpaint.core.volume import Volume
    from medpaint.io.inspected import Inspection
    from medpaint.io.mask_image import MaskImage
    from medpaint.io.selection import Selection
    from medpaint.io.sniff import Kind
    from medpaint.io.source import Source

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """What can be done with files of a format.

    Attributes:
        read: a volume at a path, and its source; refuses a selection that the format does not have.
        inspect: what a file, or for DICOM a folder too, holds, from headers alone.
        endings: of the files that a product of a scan consists of, from its header alone.
        files: that a scan at a path consists of, from its header alone.
        keyed_name: a name for the selected volume that tells nothing without a secret, from headers alone. Absent
            where the format does not say who was scanned.
        read_drawn: a mask that is drawn in the format's own way, on the grid of a scan or beside it, with the
            labels that are wanted; None where a file is not of that kind. Absent where the
            format has none; where it is there, products have such a mask too.
    """

    read: Callable[[Path, Selection], tuple[Volume, Source]]
    inspect: Callable[[Path, Progress | None], list[Inspection]]
    endings: Callable[[Path], tuple[str, ...]]
    files: Callable[[Path], tuple[Path, ...]]
    keyed_name: Callable[[Path, Selection, bytes], str] | None = None
    read_drawn: Callable[[Path, Volume, Source | None, Sequence[int | str]], MaskImage | None] | None = None


def _nifti() -> Format:
    from medpaint.io.nifti import FORMAT

    return FORMAT


def _itk() -> Format:
    from medpaint.io.itk import FORMAT

    return FORMAT


def _dicom() -> Format:
    from medpaint.io.dicom.format import FORMAT

    return FORMAT


FORMATS: Final[Mapping[Kind, Callable[[], Format]]] = {
    "nifti": _nifti,
    "nrrd": _itk,
    "metaimage": _itk,
    "dicom": _dicom,
}
"""Kind of file to the function that loads its format."""
