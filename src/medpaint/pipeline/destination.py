"""Where the products of a scan go: checked and claimed before any work, filled in one step at the end.

Nothing is replaced that medpaint did not write. Its own files are those that a record names and, where there is no
record because a run was killed or the record was deleted, those next to a mask that medpaint wrote: the
mask is the first product to be put in place, the record the last, and the mask's header says where it comes from.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from medpaint.core.errors import InputError, LockedError, MedpaintError, UnreadableError
from medpaint.io.locks import exclusive
from medpaint.io.naming import DATA_ENDINGS
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
        own: names of files in the folder that medpaint wrote earlier under this name.
    """

    folder: Path
    name: str
    own: frozenset[str]

    def fill(self, staged: Path) -> None:
        """Put the products in the folder `staged` in place of earlier ones, the record last.

        Args:
            staged: a folder on the same file system with the products and nothing else.
        """
        names = Products.of(staged, self.name, "")
        first = [names.mask] if names.mask.exists() else []
        others = sorted(path for path in staged.iterdir() if path not in {names.mask, names.record})
        self.clear(kept=frozenset(path.name for path in staged.iterdir()))
        for path in (*first, *others, names.record):
            target = self.folder / path.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            path.replace(target)

    def clear(self, kept: frozenset[str] = frozenset()) -> None:
        """Delete what medpaint wrote here earlier: the record first, and of the rest all but `kept`."""
        Products.of(self.folder, self.name, "").record.unlink(missing_ok=True)
        for name in sorted(self.own - kept):
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


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
        MedpaintError: the folder cannot be written to.
    """
    known = outline(scan)
    inputs = (scan, *known.files, *((mask, *outline(mask).files) if mask is not None else ()))
    for path in (scan, *((mask,) if mask is not None else ())):
        _refuse_inside(folder, path)
    with _made(folder), _locked(folder, name):
        places = [Products.of(folder, name, ending) for ending in known.endings]
        made = {path for place in places for path in (place.restored, place.mask, place.record)}
        made |= {places[0].segmentation} if known.has_drawn_masks else set()
        own = _own(places[0], name, overwrite=overwrite)
        for path in sorted(made):
            _refuse_input(path, inputs)
            if path.name not in own and (path.exists() or path.is_symlink()):
                message = (
                    f"{path} is there already, and no record says that medpaint wrote it: move it away, or choose "
                    "another output folder or name"
                )
                raise InputError(message)
        yield Destination(folder, name, own)


def record_failure(record: Record, folder: Path, name: str) -> Path:
    """Write the record of a scan that failed, in place of what an earlier run wrote for the scan.

    Args:
        record: says why it failed.
        folder: of the scan's products.
        name: what they are called.

    Returns:
        Where the record is.
    """
    with _made(folder), _locked(folder, name):
        place = Products.of(folder, name, "")
        own = _own(place, name, overwrite=True)
        Destination(folder, name, own).clear()
        write_record(record, place.record)
    return place.record


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
    return frozenset({record.name, *(file for product in products for file in (product.path, *product.files))})


def _refuse_input(product: Path, inputs: Sequence[Path]) -> None:
    """Refuse a product that would replace an input."""
    for path in inputs:
        if path.exists() and product.exists() and path.samefile(product):
            message = f"{product} would replace {path}, which is an input: choose another output folder or name"
            raise InputError(message)


def _refuse_inside(folder: Path, origin: Path) -> None:
    """Refuse an output folder inside the folder of a series."""
    goal, source = folder.resolve(), origin.resolve()
    if source.is_dir() and (source == goal or source in goal.parents):
        message = f"{folder} is inside {origin}, which is the input: choose another output folder"
        raise InputError(message)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Create a folder if it is missing; remove it again if it is empty after the block."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: expected a folder that can be written to: {error.strerror}"
        raise InputError(message) from error
    try:
        yield
    finally:
        for path in missing:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock on the products of one name."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(folder / f".{name}.lock"))
        except LockedError as error:
            message = f"another process is writing {name} in {folder}: wait, or choose another folder or name"
            raise LockedError(message) from error
        except OSError as error:
            message = f"{folder}: expected a folder that can be written to: {error.strerror or error}"
            raise MedpaintError(message) from error
        yield
