"""A data set of clean scans, damaged copies and true masks, split by person."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medpaint.core.errors import InputError, UnsupportedError
from medpaint.core.text import one_line
from medpaint.core.volume import Volume
from medpaint.datasets.split import split_by_person
from medpaint.io.atomic import replacing_folder
from medpaint.io.digest import file_digest
from medpaint.io.source import Source
from medpaint.io.tables import read_rows, write_rows
from medpaint.simulation.places import Place
from medpaint.simulation.recipe import Item, Recipe
from medpaint.simulation.scan import read_undamaged, write_damaged

__all__ = ["COLUMNS", "MANIFEST", "Merged", "make_part", "merge_parts"]

MANIFEST: Final = "manifest.tsv"
"""The table of a data set, and of its part that comes from one scan."""

COLUMNS: Final = (
    *("part", "person", "scan", "kind", "severity", "seed", "reach", "ml", "slices", "image", "truth", "clean"),
    *("frame", "image_sha256", "truth_sha256", "clean_sha256", "left_out"),
)
"""Columns of a manifest: a row for each clean scan, each damaged copy, and each copy that could not be made."""


@dataclass(frozen=True)
class Merged:
    """What a data set has in it.

    Attributes:
        manifest: its table.
        clean: number of clean scans.
        damaged: number of damaged copies.
        persons: number of persons in each part.
        left_out: the copies and scans that could not be made: name and reason.
    """

    manifest: Path
    clean: int
    damaged: int
    persons: Mapping[str, int]
    left_out: tuple[tuple[str, str], ...]


def make_part(
    folder: Path, path: Path, recipe: Recipe, *, scan: str, person: str, frame: int | None = None
) -> int:
    """Write the clean copy and the damaged copies of one scan, with their truths, records and manifest.

    A scan that cannot be read, and a copy that cannot be made of it, get a row that says why.

    Args:
        folder: of the copies; what an earlier call made there is replaced.
        path: the clean scan.
        recipe: what to make of it.
        scan: its name in the data set.
        person: who was scanned.
        frame: which frame of a 4D scan, from 0.

    Returns:
        The number of damaged copies.

    Raises:
        UsageError: the recipe is wrong.
        InputError: the folder holds something else.
        WriteError: it cannot be written to.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        message = f"{folder}: expected a new folder, or one that an earlier call made, got one with other files"
        raise InputError(message)
    items = list(recipe.items(scan))
    common = {"person": person, "scan": scan, "frame": frame}
    with replacing_folder(folder) as part:
        try:
            volume, source = _readable(path, frame)
        except InputError as error:
            rows: list[dict[str, object]] = [{**common, "kind": "clean", "left_out": one_line(str(error))}]
        else:
            clean = part / f"{scan}_clean{source.suffix}"
            shutil.copyfile(source.path, clean)
            known = {**common, "clean": clean.name, "clean_sha256": file_digest(clean)}
            hashed = {"image": clean.name, "image_sha256": known["clean_sha256"]}
            rows = [{**known, **hashed, "kind": "clean"}]
            rows += [{**known, **_damaged(volume, source, item, part)} for item in items]
        write_rows(part / MANIFEST, COLUMNS, rows)
    return sum(1 for row in rows if "truth" in row)


def merge_parts(output: Path, folders: Sequence[Path], *, validation: float, test: float, seed: int) -> Merged:
    """Write the manifest of a data set from those of its scans, and split it by person.

    Args:
        output: the table; the paths in it are relative to its folder.
        folders: what `make_part` wrote, below the folder of the table.
        validation: share of the persons for validation.
        test: share of the persons for the test.
        seed: decides who is in which part.

    Raises:
        InputError: a folder is not below that of the table, or nothing was made.
        UnreadableError: a folder has no manifest.
        UsageError: shares that leave nothing for training.
    """
    rows: list[dict[str, str]] = []
    for folder in folders:
        found = read_rows(folder / MANIFEST, columns=COLUMNS, required=COLUMNS, what="the manifest of a scan")
        rows += [_moved(row.values, _below(folder, output)) for row in found]
    persons = {row["person"] for row in rows if row["image"]}
    if not persons:
        reasons = "; ".join(dict.fromkeys(row["left_out"] for row in rows)) or "no scan was given"
        message = f"expected scans to damage, got none: {reasons}"
        raise InputError(message)
    parts = split_by_person(persons, validation=validation, test=test, seed=seed)
    rows = [{**row, "part": parts.get(row["person"], "")} for row in rows]
    write_rows(output, COLUMNS, rows)
    made = [row for row in rows if row["image"]]
    return Merged(
        manifest=output,
        clean=sum(row["kind"] == "clean" for row in made),
        damaged=sum(row["kind"] != "clean" for row in made),
        persons={part: list(parts.values()).count(part) for part in ("training", "validation", "test")},
        left_out=tuple((_label(row), row["left_out"]) for row in rows if row["left_out"]),
    )


def _readable(path: Path, frame: int | None) -> tuple[Volume, Source]:
    """Read a clean scan that is one file, which can be copied as it is.

    Raises:
        UnsupportedError: a header with its voxels in another file, or DICOM.
        InputError: it cannot be read.
    """
    volume, source = read_undamaged(path, frame)
    if len(source.files) > 1:
        message = f"{path}: expected a scan in one file, got {len(source.files)} files: convert it to NIfTI first"
        raise UnsupportedError(message)
    return volume, source


def _damaged(volume: Volume, source: Source, item: Item, folder: Path) -> dict[str, object]:
    """Make one damaged copy, and return its cells of the manifest."""
    drawn = {"kind": item.artefact.name, "severity": f"{item.severity:.6g}", "seed": item.seed}
    try:
        damaged = item.artefact(volume, item.severity, item.seed)
    except InputError as error:
        return {**drawn, "left_out": one_line(str(error))}
    place = Place.of(folder, item.name, source.suffix)
    record = write_damaged(volume, source, damaged, place)
    hashes = {product.role: product.sha256 for product in record.products}
    axis, slices = damaged.facts.get("axis", ""), damaged.facts.get("slices", [])
    return {
        **drawn,
        "reach": item.artefact.reach,
        "ml": f"{damaged.facts['ml']:.6g}",
        "slices": f"{axis} {json.dumps(slices)}" if axis else "",
        "image": place.damaged.name,
        "truth": place.truth.name,
        "image_sha256": hashes["damaged"],
        "truth_sha256": hashes["truth"],
    }


def _below(folder: Path, output: Path) -> str:
    """Return a folder as seen from that of the table.

    Raises:
        InputError: it is elsewhere.
    """
    try:
        return folder.resolve().relative_to(output.resolve().parent).as_posix()
    except ValueError as error:
        message = f"{folder}: expected a folder below {output.parent}, where the table will be"
        raise InputError(message) from error


def _moved(row: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return a row with its paths as seen from the table of the data set."""
    return {**row, **{name: f"{folder}/{row[name]}" for name in ("image", "truth", "clean") if row[name]}}


def _label(row: Mapping[str, str]) -> str:
    """Return how a row is called in messages."""
    return " ".join(filter(None, (row["scan"], row["kind"], row["severity"])))
