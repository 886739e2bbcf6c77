"""Arrays and facts about them, in one file that passes from one step of a cohort run to the next.

The file is an uncompressed .npz, which numpy can open, with the facts as JSON next to the arrays.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from medpaint.core.errors import UnreadableError
from medpaint.core.types import Array
from medpaint.io.atomic import replacing
from medpaint.io.stored import read_errors

__all__ = ["load_arrays", "save_arrays"]

_FACTS: Final = "facts.json"
_ENDING: Final = ".npy"


def save_arrays(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts to a file; the same content gives the same bytes.

    Args:
        path: the file to write.
        arrays: by name; numbers or booleans, of any shape.
        facts: anything that JSON can hold.

    Raises:
        ValueError: an array of Python objects, or facts with NaN or infinity.
        MedpaintError: `path` cannot be written.
    """
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_FACTS), text)
        for name in sorted(arrays):
            with archive.open(zipfile.ZipInfo(name + _ENDING), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(arrays[name]), allow_pickle=False)


def load_arrays(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Returns:
        The arrays by name, and the facts.

    Raises:
        UnreadableError: truncated, damaged, or another kind of file.
        InputError: the file cannot be read.
    """
    with read_errors(path):
        try:
            with zipfile.ZipFile(path) as archive:
                facts: dict[str, Any] = json.loads(archive.read(_FACTS))
                arrays = {
                    name.removesuffix(_ENDING): _array(archive.read(name))
                    for name in archive.namelist()
                    if name.endswith(_ENDING)
                }
        except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError) as error:
            message = f"{path} is damaged, or not a file of arrays: {error}"
            raise UnreadableError(message) from error
    return arrays, facts


def _array(content: bytes) -> Array:
    """Return the array in the bytes of an .npy file; its checksum was verified when they were read."""
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
