"""Where a damaged scan, its truth and its record go: checked before the work, filled at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.atomic import hidden_folder
from medpaint.io.claims import locked, made_folder, refuse_input
from medpaint.simulation.record import read_damage_record

__all__ = ["Place", "claimed_place"]


@dataclass(frozen=True)
class Place:
    """The files of one damaged scan.

    Attributes:
        damaged: the damaged scan.
        truth: the mask of the damage, NIfTI.
        record: the JSON that says what was done; put in place last.
    """

    damaged: Path
    truth: Path
    record: Path

    @classmethod
    def of(cls, folder: Path, name: str, ending: str) -> Place:
        """Return the files of the scan called `name`, whose file ends in `ending`."""
        return cls(
            damaged=folder / f"{name}_damaged{ending}",
            truth=folder / f"{name}_truth.nii.gz",
            record=folder / f"{name}_damage.json",
        )


@contextmanager
def claimed_place(
    folder: Path, name: str, ending: str, *, inputs: Sequence[Path], overwrite: bool
) -> Iterator[Place]:
    """Yield where to make the files of a damaged scan; afterwards they are moved into `folder`, the record last.

    Only files that a record of damage names are replaced.

    Args:
        folder: where the files go; created if missing.
        name: what they are called.
        ending: of the damaged scan.
        inputs: files that must not be replaced.
        overwrite: replace the files of an earlier call.

    Raises:
        InputError: something is there that must not be replaced.
        LockedError: another process is writing them.
        WriteError: the folder cannot be written to.
    """
    place = Place.of(folder, name, ending)
    with made_folder(folder), locked(folder, name), hidden_folder(folder) as staged:
        own = _own(place, overwrite=overwrite)
        for path in (place.damaged, place.truth, place.record):
            _check(path, own, inputs)
        yield Place.of(staged, name, ending)
        made = sorted(staged.iterdir(), key=lambda path: path.name == place.record.name)
        for path in made:
            _check(folder / path.name, own, inputs)
        place.record.unlink(missing_ok=True)
        for old in own - {path.name for path in made}:
            (folder / old).unlink(missing_ok=True)
        for path in made:
            path.replace(folder / path.name)


def _own(place: Place, *, overwrite: bool) -> frozenset[str]:
    """Return the names of the files of an earlier call.

    Raises:
        InputError: they are not to be replaced, or their record cannot be read.
    """
    if not place.record.exists():
        return frozenset()
    if not overwrite:
        message = f"{place.record} is there already: choose another output folder or name, or --overwrite"
        raise InputError(message)
    try:
        products = read_damage_record(place.record).products
    except UnreadableError as error:
        message = f"{error}; move it away, or choose another output folder or name"
        raise InputError(message) from error
    named = {file for product in products for file in (product.path, *product.files)}
    stem = place.record.name.removesuffix("_damage.json")
    own = {file for file in named if file.startswith((f"{stem}_damaged", f"{stem}_truth"))}
    return frozenset({place.record.name, *own})


def _check(path: Path, own: frozenset[str], inputs: Sequence[Path]) -> None:
    """Refuse to replace an input, or a file that no record names."""
    refuse_input(path, inputs)
    if path.name not in own and (path.exists() or path.is_symlink()):
        message = (
            f"{path} is there already, and no record says that medpaint wrote it: move it away, or choose "
            "another output folder or name"
        )
        raise InputError(message)
