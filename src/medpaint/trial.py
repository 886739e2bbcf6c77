"""What engines are put to: a hole in a clean scan, with the truth beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medpaint.blend import alpha_in_mask, blended
from medpaint.core.errors import InputError, UsageError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import Kind, LesionShape, body, damage, kinds
from medpaint.engines.base import Engine
from medpaint.filling import fill
from medpaint.io.reading import read_scan
from medpaint.masks.foreground import foreground_of
from medpaint.masks.ingest import aligned, binarised
from medpaint.scoring import Yardstick
from medpaint.subjects import Subject

__all__ = ["Clean", "HoleKind", "Trial", "hole_kinds", "read_clean", "trial_in"]


@dataclass(frozen=True)
class HoleKind:
    """Holes of one kind and one range of sizes.

    Attributes:
        name: row of `medpaint.corrupt.kinds`.
        limits: smallest and largest size, in the kind's unit.
        unit: ``ml`` or ``slices``.
    """

    name: str
    limits: tuple[float, float]
    unit: str

    @property
    def bin(self) -> str:
        """The range in words, such as ``8-15 ml``."""
        low, high = (f"{limit:g}" for limit in self.limits)
        return f"{low} {self.unit}" if low == high else f"{low}-{high} {self.unit}"


@dataclass(frozen=True, eq=False)
class Trial:
    """A hole in a clean scan.

    Attributes:
        truth: the clean scan.
        damaged: the scan with the hole in it.
        yardstick: the hole, and what fills are held against.
    """

    truth: Volume
    damaged: Volume
    yardstick: Yardstick

    def restored(self, engine: Engine, seed: int) -> Volume:
        """Return the scan with the hole filled, by the way of the pipeline."""
        mask = self.yardstick.mask
        values, _ = fill(self.damaged, mask, engine, seed=seed)
        alpha = alpha_in_mask(mask, self.damaged.spacing_mm, 0.0)
        return replace(self.damaged, data=blended(self.damaged, mask, values, alpha))


@dataclass(frozen=True, eq=False)
class Clean:
    """A scan that was read, and where holes may be.

    Attributes:
        subject: which scan.
        volume: its stored values.
        sha256: its hash.
        truth: its intensities, (I, J, K).
        tissue: where scores are taken, (I, J, K).
    """

    subject: Subject
    volume: Volume
    sha256: str
    truth: FloatArray
    tissue: Mask


def hole_kinds(words: Sequence[str], shapes: Sequence[LesionShape] = ()) -> tuple[HoleKind, ...]:
    """Return the kinds of holes that `words` stand for.

    Args:
        words: ``NAME`` for the ranges of the table, ``NAME:LOW-HIGH`` or ``NAME:SIZE``; none: all of the table.
        shapes: lesions for the kind ``lesion``.

    Raises:
        UsageError: no such kind, or a size that is none.
    """
    table = kinds(shapes)
    found: list[HoleKind] = []
    for word in words or table:
        name, _, sizes = word.partition(":")
        if name not in table:
            hint = "; lesion needs lesion shapes" if name == "lesion" else ""
            message = f"expected a kind out of {', '.join(table)}, got {name!r}{hint}"
            raise UsageError(message)
        ranges = (_limits(word, sizes, table[name]),) if sizes else table[name].ranges
        found += [HoleKind(name, limits, table[name].unit) for limits in ranges]
    return tuple(dict.fromkeys(found))


def read_clean(subject: Subject, excluded: frozenset[str] = frozenset()) -> Clean:
    """Read a scan and find its tissue.

    Args:
        subject: which scan.
        excluded: persons and hashes that must not be scored.

    Raises:
        InputError: it cannot be read, is a mask, or is among the excluded.
    """
    if subject.person in excluded:
        message = f"{subject.person} is on the list of persons that are not to be scored"
        raise InputError(message)
    volume, source = read_scan(subject.path, frame=subject.frame, series=subject.series)
    if source.sha256 in excluded:
        message = f"the scan with hash {source.sha256[:12]} is on the list of those that are not to be scored"
        raise InputError(message)
    truth = volume.intensities()
    finite = np.isfinite(truth)
    if np.all(
        (truth == truth[finite].min(initial=np.inf)) | (truth == truth[finite].max(initial=-np.inf)) | ~finite
    ):
        message = "expected a scan, got at most two different intensities, as in a mask"
        raise InputError(message)
    found = foreground_of(volume, np.zeros(volume.shape, dtype=bool))
    tissue = body(finite & (volume.data > found.threshold), volume.spacing_mm) & finite
    if subject.avoid is not None:
        tissue &= ~_avoided(subject.avoid, volume)
    return Clean(subject, volume, source.sha256, truth, tissue)


def trial_in(clean: Clean, kind: HoleKind, hole: int, *, seed: int, shapes: Sequence[LesionShape] = ()) -> Trial:
    """Make a hole. It depends on the arguments and the content of the scan, and on nothing else.

    Args:
        clean: the scan.
        kind: kind and range of sizes.
        hole: its number among those of the kind in the scan.
        seed: for its size, place and shape.
        shapes: lesions for the kind ``lesion``.

    Raises:
        InputError: no such hole fits into the scan.
    """
    drawn = _seed(seed, clean.sha256, kind, hole)
    maker = kinds(shapes)[kind.name]
    size = maker.drawn_size(kind.limits, drawn)
    mask = maker.make(clean.tissue, clean.volume.spacing_mm, size, drawn)
    scored = mask & clean.tissue
    known = clean.tissue & ~mask
    inside, outside = np.count_nonzero(scored), np.count_nonzero(known)
    if not 0 < inside <= outside:
        message = f"expected a hole in less than half of the tissue, got {inside} of {inside + outside} voxels"
        raise InputError(message)
    yardstick = Yardstick.of(clean.truth, mask, scored, clean.volume.spacing_mm)
    if yardstick.is_flat:
        message = "expected different intensities around the hole, got one"
        raise InputError(message)
    data = clean.volume.data
    damaged = replace(clean.volume, data=damage(data, mask, float(data[known].min())))
    return Trial(clean.volume, damaged, yardstick)


def _limits(word: str, sizes: str, kind: Kind) -> tuple[float, float]:
    """Return the range that ``LOW-HIGH`` or ``SIZE`` stands for."""
    low, _, high = sizes.partition("-")
    try:
        limits = float(low), float(high or low)
    except ValueError:
        limits = (np.nan, np.nan)
    whole = kind.unit == "ml" or all(limit.is_integer() for limit in limits)
    if not (0.0 < limits[0] <= limits[1] < np.inf and whole):
        message = f"expected NAME:LOW-HIGH with sizes in {kind.unit}, such as {_example(word, kind)}, got {word!r}"
        raise UsageError(message)
    return limits


def _example(word: str, kind: Kind) -> str:
    """Return a kind in words, as a user would name it."""
    low, high = kind.ranges[0]
    return f"{word.partition(':')[0]}:{low:g}-{high:g}"


def _avoided(path: Path, volume: Volume) -> Mask:
    """Return the mask of what is not healthy, all its labels, on the scan's grid."""
    read, _ = read_scan(path)
    marked = np.nan_to_num(read.intensities()) != 0.0
    if not marked.any():
        return np.zeros(volume.shape, dtype=bool)
    mask, _ = aligned(binarised(marked, (), invert=False), read.affine, volume, resample=False)
    return mask


def _seed(seed: int, sha256: str, kind: HoleKind, hole: int) -> int:
    """Return the seed of one hole."""
    text = f"{seed}|{sha256}|{kind.name}|{kind.bin}|{hole}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
