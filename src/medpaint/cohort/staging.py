"""Cases and fills between the jobs of a cohort: one file each, self-contained, without the source's format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medpaint.core.encoding import Encoding, Padding
from medpaint.core.errors import UnreadableError
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.arrays import load_arrays, save_arrays
from medpaint.io.atomic import replacing
from medpaint.parameters import Parameters
from medpaint.pipeline.case import Case, Filled
from medpaint.record.entries import Draft

__all__ = [
    "Failure",
    "load_case",
    "load_fetch",
    "load_filled",
    "save_case",
    "save_failure",
    "save_fetch",
    "save_filled",
]


@dataclass(frozen=True)
class Failure:
    """What a stage writes instead of its result if the scan failed; later stages pass it on.

    Attributes:
        reason: one line.
        parameters: the parameters that were requested.
    """

    reason: str
    parameters: Parameters


def save_failure(failure: Failure, path: Path) -> None:
    """Write a failure in place of a case or a fill."""
    save_arrays(path, {}, {"failed": failure.reason, "parameters": failure.parameters.model_dump(mode="json")})


def save_case(case: Case, path: Path) -> None:
    """Write a case: the stored values, their encoding, the mask, the record so far."""
    encoding = case.volume.encoding
    arrays = {
        "data": case.volume.data,
        "affine": case.volume.affine,
        "slope": encoding.slope,
        "intercept": encoding.intercept,
        "limits": np.array([encoding.lowest, encoding.highest]),
        "padding": np.array(encoding.padding if encoding.padding is not None else ()),
        "mask": np.packbits(case.mask),
    }
    save_arrays(path, arrays, {"draft": case.draft.model_dump(mode="json")})


def load_case(path: Path) -> Case | Failure:
    """Return the case in `path`, or the failure in its place."""
    arrays, facts = load_arrays(path)
    if "failed" in facts:
        return _failure(facts)
    _check_parts(path, arrays, ("data", "affine", "slope", "intercept", "limits", "padding", "mask"), "ingest")
    data = arrays["data"]
    lowest, highest = arrays["limits"]
    encoding = Encoding.of(
        data.dtype,
        slope=arrays["slope"],
        intercept=arrays["intercept"],
        limits=(float(lowest), float(highest)),
        padding=_padding(arrays["padding"]),
    )
    volume = Volume(data, arrays["affine"], encoding)
    return Case(volume, _unpacked(arrays["mask"], data.shape), Draft.model_validate(facts["draft"]))


def _check_parts(path: Path, arrays: Mapping[str, Array], names: Sequence[str], job: str) -> None:
    """Refuse a file that another job wrote than the one before this.

    Raises:
        UnreadableError: it has not exactly the arrays of that job.
    """
    if set(arrays) != set(names):
        message = f"{path}: expected a file that `medpaint {job}` wrote, got one of another command"
        raise UnreadableError(message)


def _padding(saved: Array) -> Padding | None:
    """Return the padding of an encoding as it was before it was saved."""
    if not saved.size:
        return None
    return (saved[0], saved[1]) if saved.ndim > 1 else (float(saved[0]), float(saved[1]))


def save_filled(filled: Filled, path: Path) -> None:
    """Write a fill: the mask, the values in it, the record so far."""
    facts = {"draft": filled.draft.model_dump(mode="json"), "shape": list(filled.mask.shape)}
    save_arrays(path, {"mask": np.packbits(filled.mask), "values": filled.values}, facts)


def load_filled(path: Path) -> Filled | Failure:
    """Return the fill in `path`, or the failure in its place."""
    arrays, facts = load_arrays(path)
    if "failed" in facts:
        return _failure(facts)
    _check_parts(path, arrays, ("mask", "values"), "inpaint")
    mask = _unpacked(arrays["mask"], tuple(facts["shape"]))
    return Filled(mask, arrays["values"], Draft.model_validate(facts["draft"]))


def save_fetch(reason: str, path: Path) -> None:
    """Write the outcome of fetching a scan from a server: an empty reason if it was fetched."""
    with replacing(path) as part:
        outcome = {"status": "failed" if reason else "fetched", "reason": reason}
        part.write_text(json.dumps(outcome) + "\n", encoding="utf-8")


def load_fetch(path: Path) -> str:
    """Return why a scan was not fetched; nothing if it was.

    Raises:
        UnreadableError: not such a file.
    """
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: expected the outcome of fetching a scan, as `pacs fetch --status` writes it"
        raise UnreadableError(message) from error


def _failure(facts: Mapping[str, Any]) -> Failure:
    """Return the failure that a file's facts describe."""
    return Failure(str(facts["failed"]), Parameters.model_validate(facts["parameters"]))


def _unpacked(bits: Array, shape: tuple[int, ...]) -> Mask:
    """Return the mask that was packed eight voxels to a byte."""
    mask: Mask = np.unpackbits(bits, count=int(np.prod(shape))).astype(np.bool_).reshape(shape)
    return mask
