"""What can be done with files of a format, before and while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medpaint.core.types import Progress
    from medpaint.core.volume import Volume
    from medpaint.io.inspected import Inspection
    from medpaint.io.mask_image import MaskImage
    from medpaint.io.selection import Selection
    from medpaint.io.source import Source

__all__ = ["Format"]


@dataclass(frozen=True)
class Format:
    """What can be done with files of a format.

    Attributes:
        read: a volume at a path, and its source; refuses a selection that the format does not have.
        inspect: what is in a file, or for DICOM a folder too, from headers alone.
        endings: of the files that a product of a scan consists of, from its header alone.
        files: that a scan at a path consists of, from its header alone.
        frames: every frame of a file of which one was read, in one pass. Absent where files have no frames.
        keyed_name: a name for the selected volume that reveals nothing without a secret, from headers alone.
            Absent where volumes have no identifiers: the content then gives the name.
        read_drawn: a mask that is drawn in the format's own way, on the grid of a scan or on its own, with the
            labels that are wanted; None where a file is not of that kind. Absent where the
            format has none; where it is there, products have such a mask too.
    """

    read: Callable[[Path, Selection], tuple[Volume, Source]]
    inspect: Callable[[Path, Progress | None], list[Inspection]]
    endings: Callable[[Path], tuple[str, ...]]
    files: Callable[[Path], tuple[Path, ...]]
    frames: Callable[[Path], Iterator[Volume]] | None = None
    keyed_name: Callable[[Path, Selection, bytes], str] | None = None
    read_drawn: Callable[[Path, Volume, Source | None, Sequence[int | str]], MaskImage | None] | None = None
