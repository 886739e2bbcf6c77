"""Where the products of a scan go: checked and claimed before any work, filled in one step at the end.

Nothing is replaced that medpaint did not write. Its own files are those that a record names and, where there is no
record because a run was killed or the record was deleted, those next to a mask that medpaint wrote: the
mask is the first product to be put in place, the record the last, and the mask's header says where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.atomic import hidden_folder
from medpaint.io.claims import locked, made_folder, refuse_input, refuse_inside
from medpaint.io.naming import DATA_ENDINGS, is_instance
from medpaint.io.nifti import own_ending
from medpaint.io.reading import outline
from medpaint.layouts.plain import Products
from medpaint.record.entries import Record
from medpaint.record.file import read_record, write_record

__all__ = ["Destination", "claimed", "record_failure"]


@dataclass(frozen=True)
class Destination:
    """The place of one scan's products, claimed by this process.

    Attributes:
        folder: where the products go.
        name: what they are called.
        staged: a hidden folder in `folder`, where they are made first.
        own: names of files in the folder that medpaint wrote earlier under this name.
    """

    folder: Path
    name: str
    staged: Path
    own: frozenset[str]

    def fill(self) -> None:
        """Move the staged products into place, instead of earlier ones: the mask first, the record last.

        Raises:
            InputError: a file that medpaint did not write has appeared there since the claim.
        """
        made = sorted(self.staged.iterdir())
        for path in made:
            _refuse_foreign(self.folder / path.name, self.own)
        names = Products.of(self.staged, self.name, "")
        self._clear(kept=frozenset(path.name for path in made))
        others = (path for path in made if path not in {names.mask, names.record})
        for path in (names.mask, *others, names.record):
            target = self.folder / path.name
            if target.is_dir():
                _remove(target)
            path.replace(target)

    def fail(self, record: Record) -> Path:
        """Write the record of a failure instead of earlier products; return where it is."""
        self._clear()
        path = Products.of(self.folder, self.name, "").record
        write_record(record, path)
        return path

    def _clear(self, kept: frozenset[str] = frozenset()) -> None:
        """Delete earlier products: the record first, the mask, which shows whose the others are, last."""
        places = Products.of(self.folder, self.name, "")
        places.record.unlink(missing_ok=True)
        removed = self.own - kept - {places.record.name, places.mask.name}
        for name in (*sorted(removed), *({places.mask.name} & (self.own - kept))):
            _remove(self.folder / name)


@contextmanager
def claimed(
    folder: Path, name: str, *, scan: Path, mask: Path | None = None, overwrite: bool = False
) -> Iterator[Destination]:
    """Check that products can be written, and keep other processes from writing the same ones meanwhile.

    Args:
        folder: where they go; created if missing.
        name: what they are called.
        scan: what is restored; only its header is read.
        mask: the file of its mask, if there is one.
        overwrite: replace finished products.

    Raises:
        InputError: products are there already, or would replace something that medpaint did not write.
        LockedError: another process is writing products of this name.
        WriteError: the folder cannot be written to.
    """
    known = outline(scan)
    inputs = (scan, *known.files, *((mask, *outline(mask).files) if mask is not None else ()))
    for path in (scan, *((mask,) if mask is not None else ())):
        refuse_inside(folder, path)
    with made_folder(folder), locked(folder, name), hidden_folder(folder) as staged:
        places = [Products.of(folder, name, ending) for ending in known.endings]
        made = {path for place in places for path in (place.restored, place.mask, place.record)}
        made |= {places[0].segmentation} if known.has_drawn_masks else set()
        own = _own(places[0], name, overwrite=overwrite)
        for path in sorted(made | {folder / one for one in own}):
            refuse_input(path, inputs)
            _refuse_foreign(path, own)
        yield Destination(folder, name, staged, own)


def record_failure(record: Record, folder: Path, name: str) -> Path:
    """Write the record of a scan that failed, in place of what an earlier run wrote for the scan.

    Args:
        record: says why it failed.
        folder: of the scan's products.
        name: what they are called.

    Returns:
        Where the record is.
    """
    with made_folder(folder), locked(folder, name), hidden_folder(folder) as staged:
        own = _own(Products.of(folder, name, ""), name, overwrite=True)
        return Destination(folder, name, staged, own).fail(record)


def _own(place: Products, name: str, *, overwrite: bool) -> frozenset[str]:
    """Return the names of what medpaint wrote here earlier.

    Raises:
        InputError: finished products are there and are not to be replaced, or their record cannot be read.
    """
    record = place.record
    if not record.exists():
        ending = own_ending(place.mask)
        if ending is None:
            return frozenset()
        endings = (ending, *DATA_ENDINGS.get(ending, ()))
        restored = {Products.of(record.parent, name, one).restored.name for one in endings}
        drawn = () if ending else (place.segmentation.name,)
        return frozenset({place.mask.name, *restored, *drawn})
    if not overwrite:
        message = f"{record} is there already: choose another output folder or name, or --overwrite"
        raise InputError(message)
    try:
        products = read_record(record).products
    except UnreadableError as error:
        message = f"{error}; move it away, or choose another output folder or name"
        raise InputError(message) from error
    named = {file for product in products for file in (product.path, *product.files)}
    return frozenset(
        {record.name, *(file for file in named if file.startswith((f"{name}_restored", f"{name}_mask")))}
    )


def _refuse_foreign(path: Path, own: frozenset[str]) -> None:
    """Refuse to replace a file, or a folder with files, that medpaint did not write."""
    if path.name not in own:
        foreign = path if path.exists() or path.is_symlink() else None
    else:
        foreign = next((one for one in _entries(path) if not is_instance(one.name)), None)
    if foreign is not None:
        message = (
            f"{foreign} is there already, and no record says that medpaint wrote it: move it away, or choose "
            "another output folder or name"
        )
        raise InputError(message)


def _entries(path: Path) -> list[Path]:
    """Return what is in a folder; nothing for anything else."""
    return sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else []


def _remove(path: Path) -> None:
    """Delete a file, or the instances in the folder of a series, and that folder unless it has other files."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    for instance in _entries(path):
        if is_instance(instance.name):
            instance.unlink()
    if not _entries(path):
        path.rmdir()
