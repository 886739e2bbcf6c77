"""Lesion shapes from a folder of masks, each read when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import overload

import numpy as np

from medpaint.core.errors import InputError
from medpaint.corrupt import LesionShape
from medpaint.io.inspection import inspect
from medpaint.io.reading import read_scan

__all__ = ["LesionFolder"]


class LesionFolder(Sequence[LesionShape]):
    """The masks in a folder and its subfolders as lesion shapes, in the order of their paths.

    Attributes:
        paths: the files.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = tuple(sorted(finding.path for finding in inspect(folder) if finding.restorable))
        if not self.paths:
            message = f"{folder}: expected masks of lesions, found no readable one"
            raise InputError(message)

    def __len__(self) -> int:
        """Return the number of masks."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> LesionShape: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[LesionShape]: ...

    def __getitem__(self, index: int | slice) -> LesionShape | Sequence[LesionShape]:
        """Return one shape, or a list of them."""
        if isinstance(index, slice):
            return [_shape(path) for path in self.paths[index]]
        return _shape(self.paths[index])


@cache
def _shape(path: Path) -> LesionShape:
    """Read one mask, all its labels together."""
    volume, _ = read_scan(path)
    try:
        return LesionShape.cut_out(np.nan_to_num(volume.intensities()) > 0.0, volume.spacing_mm)
    except InputError as error:
        message = f"{path}: {error}"
        raise InputError(message) from error
