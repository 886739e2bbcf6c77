"""Decoding of one frame by a library, in whatever process this runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from medpaint.core.types import Array
from medpaint.io.codecs.codestream import Plane

__all__ = ["READY", "Task", "decoded"]

READY: Final = b"ready\n"
"""First line of a process that decodes."""


@dataclass(frozen=True)
class Task:
    """How a frame is decoded.

    Attributes:
        syntax: transfer syntax.
        plugin: pydicom's name of the decoder.
        plane: what the data set says of the frame; of one sample per pixel.
    """

    syntax: str
    plugin: str
    plane: Plane

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values, little endian."""
        return np.dtype(f"<{'i' if self.plane.signed else 'u'}{self.plane.allocated // 8}")

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the stored values."""
        return self.plane.rows, self.plane.columns


def decoded(task: Task, frame: bytes) -> Array:
    """Return the stored values of a frame, (rows, columns), of the task's type.

    Raises:
        ValueError: the decoder returned something else.
        Exception: of any kind: the decoder refused the frame.
    """
    plane = task.plane
    options: Any = {
        "rows": plane.rows,
        "columns": plane.columns,
        "samples_per_pixel": 1,
        "bits_allocated": plane.allocated,
        "bits_stored": plane.stored,
        "pixel_representation": plane.signed,
        "photometric_interpretation": "MONOCHROME2",
        "number_of_frames": 1,
    }
    content = encapsulate([frame], has_bot=False)
    values, _ = get_decoder(UID(task.syntax)).as_array(content, raw=True, decoding_plugin=task.plugin, **options)
    if values.shape != task.shape or values.dtype.newbyteorder("<") != task.dtype:
        message = f"expected {task.dtype} of {task.shape}, got {values.dtype} of {values.shape}"
        raise ValueError(message)
    return values.astype(task.dtype, copy=False)
