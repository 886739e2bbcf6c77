"""The bank: cases made once, in parallel, kept on disk and sampled during training."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from medpaint.__about__ import __version__
from medpaint.core.errors import InputError
from medpaint.core.types import FloatArray, Progress
from medpaint.corrupt import LesionShape
from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.io.atomic import replacing
from medpaint.training.cases import make_case
from medpaint.training.recipe import Recipe
from medpaint.training.scans import Part, Scan, Skipped

__all__ = ["Bank", "fill_bank"]

_FEWEST: Final = 0.5
"""Smallest share of the cases that has to succeed."""


@dataclass(frozen=True, eq=False)
class Bank:
    """Patches on disk.

    Attributes:
        files: one for each case, an array (P, C + 1, ...) float16.
        kinds: kind of the holes in each case.
        patches: number of patches in each case.
    """

    files: tuple[Path, ...]
    kinds: tuple[str, ...]
    patches: int

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.files) * self.patches

    def patch(self, number: int) -> FloatArray:
        """Return one patch, (C + 1, ...) float32."""
        case, within = divmod(number, self.patches)
        read: FloatArray = np.load(self.files[case], mmap_mode="r", allow_pickle=False)[within]
        return read.astype(np.float32)


def fill_bank(
    recipe: Recipe,
    scans: Sequence[Scan],
    data: Path,
    folder: Path,
    *,
    workers: int,
    progress: Progress | None = None,
) -> tuple[dict[Part, Bank], list[Skipped]]:
    """Make the cases of a recipe that are not in `folder` yet.

    Args:
        recipe: the training.
        scans: the scans that cases are made from.
        data: folder of the data.
        folder: where the bank is kept; cases of another recipe or of other scans are never mixed with these.
        workers: number of processes.
        progress: called with the fraction done.

    Returns:
        The bank of each part, and the cases that could not be made.

    Raises:
        InputError: too few cases could be made.
    """
    key = _key(recipe, scans)
    wanted: list[tuple[Part, int]] = [("training", number) for number in range(recipe.pairs.cases)]
    wanted += [("validation", number) for number in range(recipe.pairs.validation_cases)]
    files = {one: folder / key / f"{one[0]}-{one[1]:05d}.npy" for one in wanted}
    failed: dict[tuple[Part, int], str] = {}
    missing = [one for one in wanted if not files[one].exists()]
    make = partial(_make, recipe, scans, data, LesionFolder(data / recipe.lesions) if recipe.lesions else ())
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        jobs = {
            pool.submit(make, part=part, number=number, path=files[part, number]): (part, number)
            for part, number in missing
        }
        for count, job in enumerate(as_completed(jobs), start=len(wanted) - len(missing)):
            if progress is not None:
                progress("pairs", count / len(wanted))
            if reason := job.result():
                failed[jobs[job]] = reason
    if len(failed) > (1.0 - _FEWEST) * len(wanted):
        message = f"expected {len(wanted)} damaged scans, but {len(failed)} failed: {next(iter(failed.values()))}"
        raise InputError(message)
    skipped = [Skipped(f"case {part} {number}", reason) for (part, number), reason in failed.items()]
    parts: tuple[Part, ...] = ("training", "validation")
    banks = {
        part: _bank([files[one] for one in wanted if one[0] == part and one not in failed], recipe)
        for part in parts
    }
    for part, bank in banks.items():
        if not bank.files:
            message = f"expected damaged scans for {part}, all failed: {next(iter(failed.values()))}"
            raise InputError(message)
    return banks, skipped


def _begin() -> None:
    """Limit a worker to one thread, and end it when the process that started it is killed."""
    threadpool_limits(1)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    """End this process when another one ends."""
    wait([sentinel])
    os._exit(1)


def _bank(files: Sequence[Path], recipe: Recipe) -> Bank:
    """Return the bank of these files."""
    kinds = [json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["kind"] for path in files]
    return Bank(tuple(files), tuple(kinds), recipe.pairs.patches)


def _key(recipe: Recipe, scans: Sequence[Scan]) -> str:
    """Return a hash of what the cases depend on: the recipe without its loop, the scans, the version."""
    basis = recipe.model_dump(mode="json", exclude={"loop", "name"}) | {"medpaint": __version__}
    basis["network"] = recipe.network.kind
    basis["pairs"] |= {"cases": 0, "validation_cases": 0}
    if not recipe.pairs.varied:
        del basis["pairs"]["varied"]
    text = json.dumps([basis, [(scan.person, scan.part, scan.sha256) for scan in scans]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make(
    recipe: Recipe,
    scans: Sequence[Scan],
    data: Path,
    shapes: Sequence[LesionShape],
    *,
    part: Part,
    number: int,
    path: Path,
) -> str:
    """Make one case and write it; return the reason if it fails, otherwise an empty string."""
    try:
        case = make_case(recipe, scans, data, shapes, part=part, number=number)
    except InputError as error:
        return str(error)
    with replacing(path.with_suffix(".json")) as facts:
        facts.write_text(json.dumps({"person": case.person, "kind": case.kind}), encoding="utf-8")
    with replacing(path) as file:
        np.save(file, case.patches, allow_pickle=False)
    return ""
