"""What series are in a folder, and one of them read as a volume."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medpaint.core.geometry import axis_codes, spacing_of
from medpaint.core.types import Progress
from medpaint.core.volume import Volume
from medpaint.io.archive import File, on_disk
from medpaint.io.dicom.assessment import Assessment, with_gaps
from medpaint.io.dicom.chosen import chosen, refuse_damaged
from medpaint.io.dicom.classes import MASK_CLASSES, class_name
from medpaint.io.dicom.differences import difference_warnings, encoding_of
from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.inventory import take_inventory
from medpaint.io.dicom.parsing import quiet
from medpaint.io.dicom.parts import Part, parts_of
from medpaint.io.dicom.shown import shown_uid
from medpaint.io.dicom.slices import digest_of, load
from medpaint.io.dicom.source import DicomSource
from medpaint.io.inspected import Inspection
from medpaint.io.selection import Selection

__all__ = ["identity_of", "list_series", "read_series"]


def read_series(
    path: Path, *, series: str | None = None, absent_slices: bool = False
) -> tuple[Volume, DicomSource]:
    """Read one series of CT, MR or PET images as a volume: single-frame, enhanced multi-frame, or Siemens mosaics.

    Slices are sorted along their normal (rows x columns), ascending. ``data[i, j, k]`` is the native stored
    value in column i, row j of slice k; MONOCHROME1 images keep their stored values as well.

    Args:
        path: one file, a folder that is searched with all folders below it, or a zip or tar archive.
        series: series instance UID, needed if the folder has several series of images. If a series has several
            volumes, such as echoes, one is selected after a ``#``, as `list_series` names it.
        absent_slices: put back slices that are absent between others, without an image; the source lists them.

    Raises:
        AmbiguousError: several series or several volumes, and `series` does not say which.
        InputError: no such file, folder or series.
        UnreadableError: a damaged file, or no DICOM image at all.
        UnsupportedError: images of a kind that cannot be restored.
        GeometryError: the slices do not form a volume.
    """
    with quiet():
        inventory = take_inventory(path)
        refuse_damaged(inventory, path)
        part = chosen(inventory.series, path, series)
        if absent_slices:
            part = replace(part, assessment=with_gaps(part.assessment))
        affine = part.assessment.usable_affine()
        data, digests = load(part.assessment)
    volume = Volume(data, affine, encoding_of(part.assessment))
    return volume, _source(path, Selection(series=series, absent_slices=absent_slices), part, digests, volume)


def identity_of(path: Path, series: str | None) -> str:
    """Return the identity of a series, or of a volume of it, as its source has it, from headers alone.

    Args:
        path: as for `read_series`.
        series: as for `read_series`.

    Raises:
        InputError: as for `read_series`.
    """
    with quiet():
        part = chosen(take_inventory(path).series, path, series)
    return f"{part.assessment.headers[0].series_uid} {part.words}".strip()


def list_series(path: Path, progress: Progress | None = None) -> list[Inspection]:
    """List each series in and below a folder, or each volume of a series, from the headers alone.

    Pixels are not read: a series listed as restorable can still turn out to be truncated.

    Args:
        path: a file, a folder, or a zip or tar archive.
        progress: called with the fraction of the files examined.

    Raises:
        InputError: no such file or folder.
    """
    with quiet():
        inventory = take_inventory(path, progress)
        found = [_inspection(part) for headers in inventory.series.values() for part in parts_of(headers)]
    damaged = [
        Inspection(on_disk(file), "dicom", file.name, restorable=False, reason=reason)
        for file, reason in inventory.damaged.items()
    ]
    return found + damaged


def _source(
    path: Path, selection: Selection, part: Part, digests: Mapping[File, str], volume: Volume
) -> DicomSource:
    """Return the source of a volume that was read."""
    headers, numbers = part.assessment.headers, {file: number for number, file in enumerate(digests)}
    return DicomSource(
        path=path,
        sha256=digest_of(part, digests),
        series_uid=headers[0].series_uid,
        selection=selection,
        facts={**_facts(headers), **_part_fact(part), "axes": axis_codes(volume.affine)},
        warnings=_warnings(part),
        instances=tuple(digests),
        digests=tuple(digests.values()),
        places=tuple((numbers[header.path], header.index) for header in headers),
        slots=part.assessment.slots,
        affine=volume.affine,
        shape=volume.shape,
        encoding=volume.encoding,
    )


def _warnings(part: Part) -> tuple[str, ...]:
    """Return what users should know about a volume, a sentence each."""
    headers = part.assessment.headers
    return (
        *([part.note] if part.note else []),
        *part.assessment.warnings,
        *difference_warnings(headers),
        *dict.fromkeys(note for header in headers for note in header.notes),
    )


def _part_fact(part: Part) -> dict[str, str]:
    """Return what distinguishes a volume of a series from the others."""
    return {"part": part.words} if part.words else {}


def _facts(headers: Sequence[Header]) -> dict[str, str | int | float]:
    """Return facts about a series besides its grid."""
    first = headers[0]
    return {
        "modality": first.modality,
        "sop_class": class_name(first.sop_class),
        "series_uid": shown_uid(first.series_uid),
        "transfer_syntax": ", ".join(sorted({shown_uid(header.transfer_syntax) for header in headers})),
        "instances": len({header.path for header in headers}),
        "photometric": first.photometric,
        "bits_stored": first.bits[1],
        **_values(headers),
    }


def _values(headers: Sequence[Header]) -> dict[str, str]:
    """Return what all slices say alike about their intensities: the unit, and facts of PET."""
    stated = [{"unit": one.scaling.unit, **one.facts} for one in headers]
    return {
        name: value for name, value in stated[0].items() if value and all(one.get(name) == value for one in stated)
    }


def _place(headers: Sequence[Header]) -> Path:
    """Return the file or archive of a series, or the folder that holds all of its files."""
    files = {on_disk(header.path) for header in headers}
    return files.pop() if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))


def _inspection(part: Part) -> Inspection:
    """Return the inspection of a series, or of a volume of it."""
    assessment: Assessment = part.assessment
    headers, affine = assessment.headers, assessment.affine
    first = headers[0]
    is_volume = affine is not None and not assessment.reason
    same_size = len({(header.rows, header.columns) for header in headers}) == 1 and first.rows > 0
    return Inspection(
        path=_place(headers),
        kind="dicom",
        name=part.name,
        series=part.selector,
        shape=(first.columns, first.rows, len(headers)) if same_size else (),
        spacing_mm=spacing_of(affine) if affine is not None and is_volume else (),
        dtype=str(first.dtype) if first.bits[0] in {8, 16, 32} else "",
        modality=first.modality,
        axes=axis_codes(affine) if affine is not None and is_volume else "",
        restorable=is_volume,
        reason=assessment.reason,
        facts={**_facts(headers), **_part_fact(part)},
        warnings=_warnings(part) if is_volume else (),
        is_mask=first.sop_class in MASK_CLASSES,
    )
