"""The files of a series that was read, and how a derived series is written from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from pydicom import FileDataset, dcmread, dcmwrite

from medpaint.core.checksum import checksum_outside
from medpaint.core.encoding import Encoding
from medpaint.core.errors import InputError, UnsupportedError, UsageError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Array, Mask
from medpaint.io.archive import File, on_disk
from medpaint.io.atomic import replacing_folder
from medpaint.io.dicom.deidentified import PROFILE, deidentify, replaced_uid
from medpaint.io.dicom.derived import count_slices, derived_uid, mark_derived, place_slice
from medpaint.io.dicom.gaps import neighbour_of
from medpaint.io.dicom.mosaic import is_mosaic
from medpaint.io.dicom.parsing import invalid_refused, parsed, quiet, unchanged
from medpaint.io.dicom.pixels import stored_slices, with_slices
from medpaint.io.dicom.segmentation import write_segmentation
from medpaint.io.dicom.slices import differing_slices
from medpaint.io.dicom.stale import Extremes, set_extremes
from medpaint.io.dicom.transfer import compress, is_compressed_by, set_stored_values, to_plain_syntax
from medpaint.io.nifti import write_mask
from medpaint.io.readback import refused
from medpaint.io.selection import Selection
from medpaint.io.source import Derivation, ReadBack

__all__ = ["DicomSource"]

_BEFORE_SUV: Final = {"BQML", "CNTS", "CPS", "PROPCNTS", "PROPCPS"}
"""Units of PET from which SUVs are computed, with the patient's weight and the times of injection and scan."""

_SUV_LOST: Final = (
    "SUVs cannot be computed from the product: de-identification removed the patient's weight and times"
)


@dataclass(frozen=True, eq=False)
class DicomSource:
    """One DICOM series, kept as paths and hashes of its files; pixels are read again when needed.

    Attributes:
        path: the file, folder or archive that was read.
        sha256: combined hash of `digests`.
        series_uid: its SeriesInstanceUID, as it is in the files.
        selection: which volume was read.
        facts: modality, SOP class, series UID, transfer syntax, number of instances, axes.
        warnings: what was noticed while reading, a sentence each.
        instances: files or members that were read, in the order of their first slices.
        digests: SHA-256 of each instance.
        places: for each slice that was read, the number of its file and its own number in that file.
        slots: for each slice that was read, its number in the volume.
        affine: voxel to RAS+ mm, (4, 4).
        shape: of the volume that was read, (I, J, K).
        encoding: of the volume that was read.
        kind: ``dicom``.
        suffix: empty, as a series is a folder.
    """

    path: Path
    sha256: str
    series_uid: str
    selection: Selection
    facts: Mapping[str, str | int | float]
    warnings: tuple[str, ...]
    instances: tuple[File, ...]
    digests: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    slots: tuple[int, ...]
    affine: Affine
    shape: tuple[int, int, int]
    encoding: Encoding
    kind: str = "dicom"
    suffix: str = ""

    @property
    def positions(self) -> Mapping[str, Affine]:
        """Nothing: a series states the place of its voxels once."""
        return {}

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read."""
        return tuple(dict.fromkeys(on_disk(file) for file in self.instances))

    @property
    def absent(self) -> tuple[int, ...]:
        """Slices that were put back; no file contains them."""
        return tuple(sorted(set(range(self.shape[2])) - set(self.slots)))

    @property
    def identity(self) -> str:
        """The series instance UID and, of several volumes in the series, which."""
        return f"{self.series_uid} {self.facts.get('part', '')}".strip()

    def recorded_facts(self, secret: bytes = b"") -> Mapping[str, str | int | float]:
        """Return the facts; with a secret, the profile and the series UID of de-identified products."""
        if not secret:
            return self.facts
        uid = str(replaced_uid(self.series_uid, secret))
        return {**self.facts, "series_uid": uid, "deidentified_by": PROFILE}

    def write(self, data: Array, mask: Mask, path: Path, derivation: Derivation) -> None:
        """Write `data` as a derived series: a folder with a file for each of the source's, ``0001.dcm`` onwards.

        Study, patient, frame of reference, geometry, bits and rescaling stay; identifiers are new and derive
        from the source's and `derivation.key`. Multi-frame images stay multi-frame, and mosaics stay mosaics;
        frames that are not part of the volume are not changed. Files that the mask does not touch keep their
        pixel data byte for byte unless its compression differs from the requested one; without a request,
        compressed and big-endian series become explicit little endian.
        The same arguments give the same bytes.

        With an empty mask nothing is derived: the instances are copied as they are.

        Args:
            data: stored values, (I, J, K), of the source's dtype, equal to the source's outside the mask.
            mask: True where `data` may differ, (I, J, K).
            path: the folder to create; replaced if it exists.
            derivation: how the change came about.

        Raises:
            UsageError: the folder would lie in, on or around the source's.
            InputError: a file has changed since it was read, or cannot be written as valid DICOM.
            ValueError: `data` does not fit the source, or differs from it outside the mask.
        """
        self._check(data, mask)
        _check_apart(self.path, path)
        change = _Change(data, mask, Extremes(int(data.min()), int(data.max())))
        with quiet(), replacing_folder(path) as folder:
            names = self._names()
            for index, (file, slices) in enumerate(zip(self.instances, self.slices_by_file(), strict=True)):
                target = folder / names[index]
                content = unchanged(file, self.digests[index])
                if not mask.any() and not derivation.secret:
                    target.write_bytes(content)
                    continue
                dataset = self._dataset(content, file, derivation)
                filled = _change_pixels(dataset, file, slices, change, derivation.compress)
                if self.absent:
                    count_slices(dataset, slices[0][0] + 1, self.shape[2])
                _save(dataset, derivation, file, target, filled=filled)
            for k in self.absent:
                self._put_between(k, change, derivation, folder / f"{k + 1:04d}.dcm")

    def read_back(self, path: Path, data: Array, mask: Mask) -> ReadBack:
        """Compare a product with the values that were to be written, file by file, so that it is never in memory.

        Args:
            path: the folder that `write` wrote.
            data: the stored values that it was given, (I, J, K).
            mask: True = repaired, (I, J, K).

        Raises:
            VerificationError: it does not contain the same values.
        """
        try:
            differing, sha256 = differing_slices(path, data, series=self.selection.in_product().series)
        except InputError as error:
            raise refused(path, str(error)) from error
        if differing:
            raise refused(path, f"{differing} of {data.shape[2]} slices differ from those to be written")
        return ReadBack(sha256=sha256, checksum=checksum_outside(data, mask))

    def write_mask(
        self, mask: Mask, nifti: Path, segmentation: Path, *, restored: Path | None, derivation: Derivation
    ) -> tuple[str, ...]:
        """Write a mask as NIfTI on the scan's grid, and as a DICOM segmentation where that is possible.

        Args:
            mask: True = repaired, (I, J, K).
            nifti: the file to write.
            segmentation: the file to write unless the mask is empty; an existing file is replaced or removed.
            restored: folder of the restored series; None where none was made.
            derivation: as for `write`.

        Returns:
            Why no segmentation was written, unless the mask is empty; and that SUVs cannot be computed from a
            de-identified product.

        Raises:
            InputError: a file of the source has changed since it was read.
            MedpaintError: a file cannot be written.
        """
        write_mask(mask, self.affine, nifti, product=None if restored is None else self.suffix)
        segmentation.unlink(missing_ok=True)
        lost = (_SUV_LOST,) if derivation.secret and self.facts.get("pet_units") in _BEFORE_SUV else ()
        if not mask.any():
            return lost
        try:
            write_segmentation(self, mask, segmentation, derivation, restored=restored)
        except UnsupportedError as error:
            return (str(error), *lost)
        return lost

    def slices_by_file(self) -> list[list[tuple[int, int]]]:
        """Return the slices of each file: the number in the volume, and the number in the file."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.instances]
        for k, (number, place) in zip(self.slots, self.places, strict=True):
            found[number].append((k, place))
        return found

    def _dataset(self, content: bytes, file: File, derivation: Derivation) -> FileDataset:
        """Return a file of a product, parsed and, with a secret, de-identified."""
        dataset = parsed(content, file)
        if derivation.secret:
            with invalid_refused(file):
                deidentify(dataset, derivation.secret)
        return dataset

    def _names(self) -> list[str]:
        """Return the names of the files of a derived series: numbered by slice where slices were put back."""
        numbers = self.slots if self.absent else range(len(self.instances))
        return [f"{number + 1:04d}.dcm" for number in numbers]

    def _put_between(self, k: int, change: _Change, derivation: Derivation, target: Path) -> None:
        """Write an instance for a slice that was absent, modelled on its nearest neighbour."""
        number = neighbour_of(k, self.slots)
        file = self.instances[number]
        dataset = self._dataset(unchanged(file, self.digests[number]), file, derivation)
        with invalid_refused(file):
            to_plain_syntax(dataset)
        values = change.data[:, :, k].T[np.newaxis]
        set_stored_values(dataset, values)
        if derivation.compress != "none":
            compress(dataset, derivation.compress)
        set_extremes(dataset, values, change.extremes)
        series = dataset.SeriesInstanceUID
        own = replace(derivation, key=f"{derivation.key} absent {k}")
        _save(dataset, own, file, target, filled=frozenset({0}))
        written = dcmread(target)
        written.SeriesInstanceUID = derived_uid(series, derivation.key)
        count_slices(written, k + 1, self.shape[2])
        place_slice(written, LPS_TO_RAS @ self.affine @ np.array([0.0, 0.0, k, 1.0]), k + 1)
        dcmwrite(target, written, enforce_file_format=True)

    def _check(self, data: Array, mask: Mask) -> None:
        """Refuse arrays that do not fit the source."""
        if data.shape != self.shape or mask.shape != self.shape or data.dtype != self.encoding.dtype:
            message = (
                f"expected data and mask of shape {self.shape}, data of {self.encoding.dtype}, "
                f"got {data.shape}, {mask.shape}, {data.dtype}"
            )
            raise ValueError(message)
        if data.min() < self.encoding.lowest or data.max() > self.encoding.highest:
            message = f"data exceeds what the bits hold, {self.encoding.lowest:.0f} to {self.encoding.highest:.0f}"
            raise ValueError(message)


@dataclass(frozen=True, eq=False)
class _Change:
    """The values to write and where they may differ, (I, J, K), and the range of all."""

    data: Array
    mask: Mask
    extremes: Extremes


def _change_pixels(
    dataset: FileDataset, file: File, slices: Sequence[tuple[int, int]], change: _Change, how: str
) -> frozenset[int]:
    """Put the values of a file's slices into its dataset and return the numbers of its filled frames."""
    stored, filled = stored_slices(dataset, file), set()
    for k, place in slices:
        values, hole = change.data[:, :, k].T, change.mask[:, :, k].T
        if bool(((values != stored[place]) & ~hole).any()):
            message = f"data differs from the source outside the mask in slice {k}: {file}"
            raise ValueError(message)
        if hole.any():
            stored = _writable(stored)
            stored[place] = values
            filled.add(0 if is_mosaic(dataset) else place)
    frames = with_slices(dataset, file, stored)
    if filled or not is_compressed_by(dataset, how):
        with invalid_refused(file):
            suits = to_plain_syntax(dataset)
        if not suits or filled or how != "none":
            set_stored_values(dataset, frames)
        if how != "none":
            compress(dataset, how)
    set_extremes(dataset, frames, change.extremes)
    return frozenset(filled)


def _writable(values: Array) -> Array:
    """Return the array, or a copy if it is read-only."""
    return values if values.flags.writeable else values.copy()


def _check_apart(source: Path, target: Path) -> None:
    """Refuse a target folder in, on or around the source: a product must never overwrite or join its source."""
    origin, goal = source.resolve(), target.resolve()
    if goal == origin or goal in origin.parents or (origin.is_dir() and origin in goal.parents):
        message = f"expected a folder apart from the source {source}, got {target}"
        raise UsageError(message)


def _save(
    dataset: FileDataset, derivation: Derivation, file: File, target: Path, *, filled: frozenset[int]
) -> None:
    """Mark a dataset as derived and write it."""
    with invalid_refused(file):
        mark_derived(dataset, derivation, filled=filled)
        dcmwrite(target, dataset, enforce_file_format=True)
