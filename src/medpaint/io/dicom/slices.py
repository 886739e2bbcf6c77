"""The slices of a volume, read file by file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from medpaint.core.errors import UnreadableError
from medpaint.core.types import Array
from medpaint.io.archive import File
from medpaint.io.dicom.assessment import Assessment
from medpaint.io.dicom.chosen import chosen
from medpaint.io.dicom.gaps import neighbour_of
from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.inventory import take_inventory
from medpaint.io.dicom.parsing import parsed, quiet
from medpaint.io.dicom.parts import Part
from medpaint.io.dicom.pixels import stored_slices
from medpaint.io.digest import combined_digest
from medpaint.io.shortage import memory_for

__all__ = ["differing_slices", "digest_of", "load"]


def load(assessment: Assessment) -> tuple[Array, dict[File, str]]:
    """Read and hash each file once; return stored values (I, J, K) and the SHA-256 of each file.

    Slices that are to be put back hold padding, or zeros in a series without padding.
    """
    first, slots = assessment.headers[0], np.array(assessment.slots)
    shape = int(slots[-1]) + 1, first.rows, first.columns
    with memory_for(math.prod(shape) * first.dtype.itemsize, first.path):
        stack = np.zeros(shape, first.dtype)
    digests: dict[File, str] = {}
    for numbers, slices in _slices(assessment.headers, digests):
        stack[slots[numbers]] = slices
    for k in np.setdiff1d(np.arange(len(stack)), slots).tolist():
        padding = assessment.headers[neighbour_of(k, assessment.slots)].padding
        stack[k] = 0 if padding is None else padding[0]
    return stack.transpose(2, 1, 0), digests


def differing_slices(path: Path, data: Array, *, series: str | None = None) -> tuple[int, str]:
    """Compare a series with the values that it should contain, one file in memory at a time.

    Args:
        path: a folder.
        data: the stored values that it should contain, (I, J, K).
        series: as for `read_series`.

    Returns:
        How many slices differ, and the hash of the series as its source has it.

    Raises:
        InputError: it cannot be read as a volume.
    """
    with quiet():
        part = chosen(take_inventory(path).series, path, series)
        headers = part.assessment.headers
        if data.shape != (headers[0].columns, headers[0].rows, len(headers)) or data.dtype != headers[0].dtype:
            return len(headers), ""
        digests: dict[File, str] = {}
        differing = sum(
            not np.array_equal(values, data[:, :, number].T)
            for numbers, slices in _slices(headers, digests)
            for number, values in zip(numbers, slices, strict=True)
        )
    return differing, digest_of(part, digests)


def digest_of(part: Part, digests: Mapping[File, str]) -> str:
    """Return the hash of a volume: of its files and, if it is only some of their frames, of the list of these."""
    headers = part.assessment.headers
    frames = [f"frame {header.index} of {header.frames}" for header in headers if part.words and header.frames > 1]
    return combined_digest([*digests.values(), *frames])


def _slices(headers: Sequence[Header], digests: dict[File, str]) -> Iterator[tuple[list[int], Array]]:
    """Yield for each file the numbers of its slices in the volume and their values, (slices, rows, columns).

    Args:
        headers: of the slices of a volume, in their order.
        digests: receives the SHA-256 of each file.
    """
    first = headers[0]
    wanted: dict[File, list[int]] = {}
    for number, header in enumerate(headers):
        wanted.setdefault(header.path, []).append(number)
    for path, numbers in wanted.items():
        content = path.read_bytes()
        digests[path] = hashlib.sha256(content).hexdigest()
        slices = stored_slices(parsed(content, path), path)
        if slices.dtype != first.dtype or slices.shape[1:] != (first.rows, first.columns):
            expected = f"{first.dtype} pixels of {first.rows}x{first.columns}"
            message = f"expected {expected}, got {slices.dtype} of {slices.shape[1:]}: {path}"
            raise UnreadableError(message)
        yield numbers, slices[[headers[number].index for number in numbers]]
