"""Which files verification may look at: products beside their record, scans and masks in known folders only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medpaint.core.errors import InputError, MedpaintError
from medpaint.core.text import one_line
from medpaint.io.formats import FORMATS
from medpaint.io.sniff import files_below, kind_of
from medpaint.record.entries import Product, Record

__all__ = ["Roots", "refuse_other_shape", "refuse_outside"]


@dataclass(frozen=True)
class Roots:
    """Folders in which scans and masks that records name may lie.

    Attributes:
        folders: without links.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, places: Iterable[Path]) -> Roots:
        """Return the folders at `places`; a file stands for its folder."""
        folders = ((place if place.is_dir() else place.parent).resolve() for place in places)
        return cls(tuple(dict.fromkeys(folders)))

    def find(self, folder: Path, path: str) -> tuple[Path | None, str]:
        """Return where a path in a record leads, or None and why it is not followed.

        Args:
            folder: of the record.
            path: as the record has it; empty where that withholds it.
        """
        if not path:
            return None, "is withheld, because the product is de-identified"
        if Path(path).is_absolute():
            return None, f"is not at {path}: absolute paths are not followed"
        place = folder / path
        if not (place.is_file() or place.is_dir()):
            return None, f"is not at {path}"
        if self._lead_to(place):
            return place, ""
        return None, f"at {path} is outside the folders that are searched: name its folder with --within"

    def _lead_to(self, place: Path) -> bool:
        """Return whether a file or folder, and all files in it, are in one of the folders, without a link out."""
        files = files_below(place) if place.is_dir() else ()
        return all(any(one.resolve().is_relative_to(folder) for folder in self.folders) for one in (place, *files))


def refuse_outside(products: Sequence[Product], folder: Path) -> Iterator[str]:
    """Yield which products lead out of the folder of their record by a link, or are no regular files."""
    for product in products:
        place = folder / product.path
        for one in (place, *(sorted(place.iterdir()) if place.is_dir() else ())):
            if not one.resolve().is_relative_to(folder.resolve()):
                yield f"{product.path} leads out of its folder by a link, which is not followed"
                break
            if not (one.is_file() or one is place):
                yield f"{product.path} contains something other than files"
                break
        if not (place.is_file() or place.is_dir()):
            yield f"{product.path} is neither a file nor a folder"


def refuse_other_shape(place: Path, record: Record) -> None:
    """Refuse a product whose header states another size than its record, before memory is taken for its voxels.

    Raises:
        InputError: another size, or its header cannot be read.
    """
    wanted = record.read.shape if record.read else ()
    try:
        found = FORMATS[kind_of(place)]().inspect(place, None)
    except MedpaintError as error:
        said = str(error)  # the reason of most formats names the file already
        message = said if one_line(place.name) in said else f"{place.name} cannot be read: {said}"
        raise InputError(message) from error
    shapes = [(*one.shape, 1, 1, 1)[:3] for one in found]
    if wanted not in shapes:
        message = f"{place.name} does not have the size of the scan: the record says {_by(wanted)} voxels"
        raise InputError(message)


def _by(shape: Sequence[int]) -> str:
    """Return a size as people write it."""
    return "x".join(map(str, shape))
