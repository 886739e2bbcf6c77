"""Rows of benchmarks/morphometry.py: brains lesioned, filled, segmented, and compared with the untouched ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast, get_type_hints

import numpy as np
from morphometry_lesions import KINDS, Kind, Shapes, Site, painted, site_of, weight_of
from morphometry_tissue import (
    WHITE,
    Change,
    Tissues,
    brightest_of,
    change,
    level_of,
    noise_of,
    relabelled,
    segmented,
)
from scipy.ndimage import gaussian_filter

from medpaint.core.errors import UnreadableError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.datasets.clean import Clean
from medpaint.engines.choice import AUTO
from medpaint.evaluation.hole import EvaluationHole
from medpaint.evaluation.scores import Reference
from medpaint.io.tables import read_rows, write_rows
from medpaint.masks.dilation import dilated
from medpaint.parameters import Parameters

__all__ = [
    "BLURRED",
    "ENGINES",
    "GROWN",
    "NOISY",
    "UNFILLED",
    "UNTOUCHED",
    "Case",
    "Row",
    "cases",
    "read",
    "told",
    "write",
]

ENGINES: Final = ("harmonic", "exemplar", AUTO)
"""What fills the holes."""

UNTOUCHED: Final = "untouched"
UNFILLED: Final = "unfilled"
NOISY: Final = "truth with other noise"
BLURRED: Final = "truth, blurred"
GROWN: Final = f"{AUTO}, mask grown by 2 mm"
"""What is in the holes where no engine filled them as drawn."""

CONTROLS: Final[Mapping[str, Sequence[str]]] = {"sclerosis": (NOISY,), "stroke": (NOISY, BLURRED)}
"""Fills that are made of the truth, by kinds of lesions: what even a perfect engine would reach."""

GROWN_MM: Final = 2.0
BLUR_MM: Final = 1.0
"""By how much the mask of `GROWN` grows, and the standard deviation of the blur of `BLURRED`."""


@dataclass(frozen=True)
class Row:
    """One segmentation against that of the untouched scan. Volumes are in ml, differences are this minus that.

    Attributes:
        person: who was scanned.
        kind: kind of lesions; `UNTOUCHED` for the scan as it is.
        fill: what is in the holes.
        tissue_ml: grey and white matter of the untouched brain.
        hole_ml: the mask as drawn.
        csf: difference in the whole brain.
        grey: the same for grey matter.
        white: the same for white matter.
        hole_csf: difference within the mask.
        hole_grey: the same for grey matter.
        hole_white: the same for white matter.
        relabelled: share of the mask's voxels with another label.
        rmse: of the intensities within the mask, relative to the contrast of white matter and black.
    """

    person: str
    kind: str
    fill: str
    tissue_ml: float
    hole_ml: float
    csf: float
    grey: float
    white: float
    hole_csf: float
    hole_grey: float
    hole_white: float
    relabelled: float
    rmse: float

    @property
    def brain(self) -> Change:
        """Differences in the whole brain."""
        return Change(self.csf, self.grey, self.white)

    @property
    def hole(self) -> Change:
        """Differences within the mask."""
        return Change(self.hole_csf, self.hole_grey, self.hole_white)


@dataclass(frozen=True, eq=False)
class Case:
    """A row with what it was measured on.

    Attributes:
        row: the measurement.
        volume: the scan that was segmented.
        labels: its tissues, (I, J, K).
        mask: the lesions as drawn, (I, J, K).
    """

    row: Row
    volume: Volume
    labels: Volume
    mask: Mask


@dataclass(frozen=True, eq=False)
class _Person:
    """A healthy brain, segmented.

    Attributes:
        clean: the scan.
        brain: its voxels, (I, J, K).
        tissues: its segmentation.
        brightest: intensity that the segmentation takes for 1.
    """

    clean: Clean
    brain: Mask
    tissues: Tissues
    brightest: float

    @classmethod
    def of(cls, clean: Clean) -> _Person:
        """Segment a scan."""
        brain = clean.tissue & (clean.truth > 0.0)
        brightest = brightest_of(clean.truth, brain)
        return cls(clean, brain, segmented(clean.truth, brain, brightest), brightest)

    @cached_property
    def site(self) -> Site:
        """Where lesions may lie."""
        return site_of(self.tissues, self.brain, self.clean.volume.spacing_mm)

    def with_values(self, image: FloatArray) -> Volume:
        """Return the scan with other intensities, (I, J, K), rounded as the scan stores them."""
        volume = self.clean.volume
        return replace(volume, data=volume.encoding.encode(image))

    def untouched(self) -> Case:
        """Return the scan as it is."""
        return self._case(UNTOUCHED, UNTOUCHED, self.clean.volume, np.zeros_like(self.brain), self.tissues)

    def case(self, kind: str, fill: str, volume: Volume, mask: Mask) -> Case:
        """Segment a volume, and compare it with the untouched scan."""
        after = segmented(volume.intensities(), self.brain, self.brightest)
        return self._case(kind, fill, volume, mask, after)

    def _case(self, kind: str, fill: str, volume: Volume, mask: Mask, after: Tissues) -> Case:
        voxel_ml = volume.voxel_ml
        brain = change(self.tissues, after, self.brain, voxel_ml)
        hole = change(self.tissues, after, mask, voxel_ml)
        row = Row(
            person=self.clean.subject.person,
            kind=kind,
            fill=fill,
            tissue_ml=float(self.tissues.ml(self.brain, voxel_ml)[1:].sum()),
            hole_ml=float(np.count_nonzero(mask)) * voxel_ml,
            **asdict(brain),
            **{f"hole_{name}": value for name, value in asdict(hole).items()},
            relabelled=relabelled(self.tissues, after, mask) if mask.any() else 0.0,
            rmse=self._error(volume, mask) if mask.any() else 0.0,
        )
        return Case(row, volume, replace(volume, data=after.labels.astype(volume.data.dtype)), mask)

    def _error(self, volume: Volume, mask: Mask) -> float:
        """Return the error of intensities within a mask that is not empty, relative to white matter."""
        error = float(np.sqrt(np.mean(np.square(volume.intensities()[mask] - self.clean.truth[mask]))))
        return error / level_of(self.clean.truth, self.tissues, WHITE)


def cases(clean: Clean, kinds: Sequence[str], shapes: Shapes, seed: int) -> Iterator[Case]:
    """Measure one person.

    Args:
        clean: a healthy brain.
        kinds: names of `KINDS`.
        shapes: real lesions.
        seed: decides the lesions, and is passed to the engines.

    Yields:
        The untouched scan, and for each kind the scan unfilled, filled, and with controls.
    """
    person = _Person.of(clean)
    yield person.untouched()
    for name in kinds:
        mask = KINDS[name].place(person.site, shapes, seed)
        yield from _filled(person, name, mask, seed)
        for fill in CONTROLS.get(name, ()):
            yield _control(person, (name, fill), mask, seed)


def _filled(person: _Person, name: str, mask: Mask, seed: int) -> Iterator[Case]:
    """Yield the scan with lesions, unfilled and filled."""
    kind, clean = KINDS[name], person.clean
    lesioned = _lesioned(person, kind, mask, seed)
    yield person.case(name, UNFILLED, lesioned, mask)
    for engine in ENGINES:
        yield _by_engine(person, (name, engine, engine), lesioned, mask, mask, seed)
    if kind.rim_mm > 0.0:
        grown = dilated(mask, clean.volume.spacing_mm, GROWN_MM) & person.brain
        yield _by_engine(person, (name, GROWN, AUTO), lesioned, mask, grown, seed)


def _lesioned(person: _Person, kind: Kind, mask: Mask, seed: int) -> Volume:
    """Return the scan with lesions."""
    truth = person.clean.truth
    weight = weight_of(mask, kind, person.brain, person.clean.volume.spacing_mm)
    level = level_of(truth, person.tissues, kind.looks_like)
    return person.with_values(painted(truth, weight, level, noise_of(truth, person.tissues), seed))


def _by_engine(
    person: _Person, names: tuple[str, str, str], lesioned: Volume, mask: Mask, repaired: Mask, seed: int
) -> Case:
    """Return the lesioned scan with `repaired` filled; `names` are those of kind, fill and engine."""
    kind, fill, engine = names
    spacing_mm = lesioned.spacing_mm
    reference = Reference.of(person.clean.truth, repaired, repaired, spacing_mm)
    hole = EvaluationHole(person.clean.volume, lesioned, reference)
    restored = hole.restored(Parameters.of({"engine": engine, "seed": seed}).fill)
    return person.case(kind, fill, restored.volume, mask)


def _control(person: _Person, names: tuple[str, str], mask: Mask, seed: int) -> Case:
    """Return the healthy scan with its own tissue in the holes, with noise added or blurred; names: kind, fill."""
    truth, spacing_mm = person.clean.truth, person.clean.volume.spacing_mm
    if names[1] == BLURRED:
        values = gaussian_filter(truth.astype(np.float64), [BLUR_MM / size for size in spacing_mm])
    else:
        noise = np.random.default_rng(seed).normal(0.0, noise_of(truth, person.tissues), truth.shape)
        values = np.maximum(truth + noise, 0.0)
    return person.case(*names, person.with_values(np.where(mask, values, truth)), mask)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows as tab-separated columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [field.name for field in fields(Row)]
    write_rows(path, columns, ({name: _text(value) for name, value in asdict(row).items()} for row in rows))


def read(path: Path) -> list[Row]:
    """Return the rows of a table written by `write`; none if there is no such file.

    Raises:
        UnreadableError: another table.
    """
    if not path.exists():
        return []
    columns = [field.name for field in fields(Row)]
    found = read_rows(
        path, columns=columns, required=columns, what="rows of benchmarks/morphometry.py", refusal=UnreadableError
    )
    types = get_type_hints(Row)
    return [_row(row.values, types) for row in found]


def _row(values: Mapping[str, str], types: Mapping[str, type]) -> Row:
    typed = {name: text if types[name] is str else float(text) for name, text in values.items()}
    return Row(**cast("dict[str, Any]", typed))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.8g}"


def told(row: Row) -> str:
    """Return a row in a line, for people who wait."""
    brain, hole = 100.0 * row.brain.off / row.tissue_ml, 100.0 * row.hole.off / max(row.hole_ml, 1e-9)
    return f"{row.person} {row.kind} {row.fill}: {brain:.3f} % of the tissue, {hole:.2f} % of {row.hole_ml:.1f} ml"
