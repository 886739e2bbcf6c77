"""The two questions asked of a folder: which series are in it, and what volume is one of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.errors import AmbiguousError, InputError, UnreadableError
from medpaint.core.geometry import axis_codes, spacing_of
from medpaint.core.types import Array, Progress
from medpaint.core.volume import Volume
from medpaint.io.archive import File, on_disk
from medpaint.io.dicom.assessment import Assessment, with_gaps
from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.inventory import Inventory, take_inventory
from medpaint.io.dicom.parsing import parsed, quiet
from medpaint.io.dicom.parts import Part, chosen_part, parts_of, split_name
from medpaint.io.dicom.pixels import stored_slices
from medpaint.io.dicom.source import DicomSource
from medpaint.io.digest import combined_digest
from medpaint.io.inspected import Inspection

__all__ = ["differing_slices", "list_series", "read_series"]


def read_series(
    path: Path, *, series: str | None = None, absent_slices: bool = False
) -> tuple[Volume, DicomSource]:
    """Read one series of CT or MR images as a volume: single-frame, enhanced multi-frame, or Siemens mosaics.

    Slices are sorted along their normal (rows x columns), ascending. ``data[i, j, k]`` is the native stored
    value in column i, row j of slice k; MONOCHROME1 images keep their stored values as well.

    Args:
        path: one file, a folder that is searched with all folders below it, or a zip or tar archive.
        series: series instance UID, needed where the folder holds several series of images. Where a series holds
            several volumes, such as echoes, the one is named after a ``#``, as `list_series` names it.
        absent_slices: put slices that are absent between others back, as zeros; the source says which.

    Raises:
        AmbiguousError: several series or several volumes, and `series` does not say which.
        InputError: no such file, folder or series.
        UnreadableError: a damaged file, or no DICOM image at all.
        UnsupportedError: images of a kind that is not restored.
        GeometryError: the slices make no volume.
    """
    with quiet():
        inventory = take_inventory(path)
        _refuse_damaged(inventory, path)
        part = _chosen(inventory.series, path, series)
        if absent_slices:
            part = replace(part, assessment=with_gaps(part.assessment))
        affine = part.assessment.usable_affine()
        data, digests = _load(part.assessment)
    volume = Volume(data, affine, _encoding(part.assessment))
    return volume, _source(path, part, digests, volume)


def list_series(path: Path, progress: Progress | None = None) -> list[Inspection]:
    """Tell what each series in and below a folder is, or each volume of one, from the headers alone.

    Pixels are not read: a series that is listed as restorable can still turn out to be truncated.

    Args:
        path: a file, a folder, or a zip or tar archive.
        progress: told the fraction of the files that were looked at.

    Raises:
        InputError: there is no such file or folder.
    """
    with quiet():
        inventory = take_inventory(path, progress)
        found = [_finding(part) for headers in inventory.series.values() for part in parts_of(headers)]
    damaged = [
        Inspection(on_disk(file), "dicom", file.name, restorable=False, reason=reason)
        for file, reason in inventory.damaged.items()
    ]
    return found + damaged


def _refuse_damaged(inventory: Inventory, path: Path) -> None:
    """Refuse a folder with damaged files: a slice could be among them."""
    if inventory.damaged:
        file, reason = next(iter(inventory.damaged.items()))
        count = len(inventory.damaged)
        message = f"expected whole DICOM files in {path}, got {count} damaged, such as {file}: {reason}"
        raise UnreadableError(message)


def _chosen(groups: Mapping[str, Sequence[Header]], path: Path, name: str | None) -> Part:
    """Return the volume that is meant."""
    if not groups:
        message = f"expected DICOM images, found none: {path}"
        raise UnreadableError(message)
    uid, words = split_name(name or "")
    headers = _chosen_series(groups, path, uid)
    if words:
        return chosen_part(headers, words)
    parts = parts_of(headers)
    if len(parts) > 1:
        named = "; ".join(f"{part.name} ({len(part.assessment.headers)} slices)" for part in parts)
        message = f"expected one volume in {path}, found {len(parts)} in one series, say which: {named}"
        raise AmbiguousError(message)
    return parts[0]


def _chosen_series(groups: Mapping[str, Sequence[Header]], path: Path, uid: str) -> Sequence[Header]:
    """Return the headers of the series that is meant; what is no image is never meant by itself."""
    if uid:
        if uid not in groups:
            message = f"expected series {uid} in {path}, found {_listed(groups)}"
            raise InputError(message)
        return groups[uid]
    images = {uid: headers for uid, headers in groups.items() if any(header.rows for header in headers)}
    if len(images or groups) > 1:
        message = (
            f"expected one series in {path}, found {len(images or groups)}, say which: {_listed(images or groups)}"
        )
        raise AmbiguousError(message)
    return next(iter((images or groups).values()))


def _listed(groups: Mapping[str, Sequence[Header]]) -> str:
    """Name series by what is not private: UID, modality, number and size of their images."""
    return "; ".join(
        f"{uid} ({headers[0].modality or 'no modality'}, {len({one.path for one in headers})} instances, "
        f"{headers[0].rows}x{headers[0].columns})"
        for uid, headers in groups.items()
    )


def differing_slices(path: Path, data: Array, *, series: str | None = None) -> tuple[int, str]:
    """Compare a series with what it should hold, file by file, so that it is never in memory as a whole.

    Args:
        path: a folder.
        data: the stored values that it should hold, (I, J, K).
        series: as for `read_series`.

    Returns:
        How many slices differ, and the hash of the series as its source would tell it.

    Raises:
        InputError: it cannot be read as a volume.
    """
    with quiet():
        part = _chosen(take_inventory(path).series, path, series)
        headers = part.assessment.headers
        if data.shape != (headers[0].columns, headers[0].rows, len(headers)) or data.dtype != headers[0].dtype:
            return len(headers), ""
        digests: dict[File, str] = {}
        differing = sum(
            not np.array_equal(values, data[:, :, number].T)
            for numbers, slices in _slices(headers, digests)
            for number, values in zip(numbers, slices, strict=True)
        )
    return differing, _digest(part, digests)


def _load(assessment: Assessment) -> tuple[Array, dict[File, str]]:
    """Read and hash each file once; return stored values (I, J, K) and the SHA-256 of each file."""
    first, slots = assessment.headers[0], np.array(assessment.slots)
    stack = np.zeros((int(slots[-1]) + 1, first.rows, first.columns), first.dtype)
    digests: dict[File, str] = {}
    for numbers, slices in _slices(assessment.headers, digests):
        stack[slots[numbers]] = slices
    return stack.transpose(2, 1, 0), digests


def _slices(headers: Sequence[Header], digests: dict[File, str]) -> Iterator[tuple[list[int], Array]]:
    """Yield for each file the numbers of its slices in the volume and their values, (slices, rows, columns).

    Args:
        headers: of the slices of a volume, in their order.
        digests: takes up the SHA-256 of each file.
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


def _encoding(assessment: Assessment) -> Encoding:
    """Return the encoding of a series: one slope and intercept, or one for each slice."""
    headers, first = assessment.headers, assessment.headers[0]
    beside = np.searchsorted(assessment.slots, np.arange(assessment.slots[-1] + 1))
    slopes = np.array([header.slope for header in headers])
    intercepts = np.array([header.intercept for header in headers])
    padding = first.padding if all(header.padding == first.padding for header in headers) else None
    if np.ptp(slopes) or np.ptp(intercepts):
        slopes, intercepts = slopes[beside].reshape(1, 1, -1), intercepts[beside].reshape(1, 1, -1)
    else:
        slopes, intercepts = slopes[0], intercepts[0]
    return Encoding.of(first.dtype, slope=slopes, intercept=intercepts, limits=first.limits, padding=padding)


def _source(path: Path, part: Part, digests: Mapping[File, str], volume: Volume) -> DicomSource:
    """Return the source of a volume that was read."""
    headers, numbers = part.assessment.headers, {file: number for number, file in enumerate(digests)}
    return DicomSource(
        path=path,
        sha256=_digest(part, digests),
        facts={**_facts(headers), **_part_fact(part), "axes": axis_codes(volume.affine)},
        warnings=(*part.assessment.warnings, *dict.fromkeys(note for header in headers for note in header.notes)),
        instances=tuple(digests),
        digests=tuple(digests.values()),
        places=tuple((numbers[header.path], header.index) for header in headers),
        slots=part.assessment.slots,
        affine=volume.affine,
        shape=volume.shape,
        encoding=volume.encoding,
    )


def _digest(part: Part, digests: Mapping[File, str]) -> str:
    """Return the hash of a volume: of its files, and of the frames in them where those are but some."""
    headers = part.assessment.headers
    frames = [f"frame {header.index} of {header.frames}" for header in headers if part.words and header.frames > 1]
    return combined_digest([*digests.values(), *frames])


def _part_fact(part: Part) -> dict[str, str]:
    """Return what tells a volume of a series from its others."""
    return {"part": part.words} if part.words else {}


def _facts(headers: Sequence[Header]) -> dict[str, str | int | float]:
    """Return what is worth knowing of a series besides its grid."""
    first = headers[0]
    return {
        "modality": first.modality,
        "sop_class": first.sop_class.name,
        "series_uid": first.series_uid,
        "transfer_syntax": ", ".join(sorted({header.transfer_syntax.name for header in headers})),
        "instances": len({header.path for header in headers}),
        "photometric": first.photometric,
        "bits_stored": first.bits[1],
        **({"unit": first.unit} if first.unit else {}),
    }


def _place(headers: Sequence[Header]) -> Path:
    """Return the file or archive of a series, or the folder that holds all of its files."""
    files = {on_disk(header.path) for header in headers}
    return files.pop() if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))


def _finding(part: Part) -> Inspection:
    """Tell what a series is, or a volume of it."""
    assessment: Assessment = part.assessment
    headers, affine = assessment.headers, assessment.affine
    first = headers[0]
    is_volume = affine is not None and not assessment.reason
    same_size = len({(header.rows, header.columns) for header in headers}) == 1 and first.rows > 0
    return Inspection(
        path=_place(headers),
        kind="dicom",
        name=part.name,
        shape=(first.columns, first.rows, len(headers)) if same_size else (),
        spacing_mm=spacing_of(affine) if affine is not None and is_volume else (),
        dtype=str(first.dtype) if first.bits[0] in {8, 16, 32} else "",
        modality=first.modality,
        axes=axis_codes(affine) if affine is not None and is_volume else "",
        restorable=is_volume,
        reason=assessment.reason,
        facts={**_facts(headers), **_part_fact(part)},
    )
