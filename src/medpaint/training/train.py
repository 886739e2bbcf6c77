"""A training from recipe to weights: find scans, make pairs, train, write weights and record."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.types import Progress
from medpaint.engines.learned.tensors import input_channels
from medpaint.engines.learned.weights import Loaded, WeightsFacts, load_weights, save_weights
from medpaint.io.atomic import replacing
from medpaint.record.software import now, software
from medpaint.training.bank import Bank, fill_bank
from medpaint.training.recipe import Recipe
from medpaint.training.scans import Scan, Skipped, find_scans

if TYPE_CHECKING:
    from medpaint.engines.learned.networks.base import CorrectionNetwork
    from medpaint.training.loop import Trainer

__all__ = ["Paired", "Trained", "facts_of", "network_of", "pair", "train"]

_SCALARS: Final = 10
"""Number of steps between logged values of the loss."""


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        weights: the file of weights.
        sha256: its hash.
        record: the file that says how they were made.
        steps: number of steps after which the weights validated best.
        scores: error relative to that of the first fill, by kind of hole, and the mean as ``validation``.
        skipped: files and cases that could not be used.
    """

    weights: Path
    sha256: str
    record: Path
    steps: int
    scores: dict[str, float]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Paired:
    """The pairs of a training, made and not trained on yet.

    Attributes:
        folder: where they are.
        cases: damaged scans for training.
        validation_cases: damaged scans for validation.
        skipped: files and cases that could not be used.
    """

    folder: Path
    cases: int
    validation_cases: int
    skipped: tuple[Skipped, ...]


def pair(
    recipe: Recipe, data: Path, output: Path, *, workers: int | None = None, progress: Progress | None = None
) -> Paired:
    """Make the pairs of a training, or those that an interruption left out, and no more; see `train`.

    Raises:
        InputError: no scans to train on.
        UsageError: the folder belongs to a training of another recipe.
    """
    _, banks, skipped = _paired(recipe, data, output, workers, progress)
    folder = banks["training"].files[0].parent
    return Paired(folder, len(banks["training"].files), len(banks["validation"].files), skipped)


def train(
    recipe: Recipe,
    data: Path,
    output: Path,
    *,
    accelerator: str = "auto",
    devices: int = 1,
    start: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Trained | None:
    """Train a network, or resume a training that was interrupted.

    With several devices, Lightning Fabric starts one process for each with the same command line.

    Args:
        recipe: the training.
        data: folder of the data.
        output: folder of the training: pairs, checkpoint, logs, and finally weights and their record.
        accelerator: as Lightning Fabric names it.
        devices: number of them.
        start: weights of the same network to start from; None starts from random ones. A checkpoint takes
            precedence.
        workers: number of processes that make pairs; by default one for each processor.
        progress: called with the current task and the fraction of it that is done.

    Returns:
        The result; None in all processes but the first.

    Raises:
        InputError: no scans to train on.
        UsageError: the folder belongs to a training of another recipe, or a package is missing.
    """
    _require_packages()
    first = _start(recipe, start) if start else None
    scans, banks, skipped = _paired(recipe, data, output, workers, progress)
    trainer = _learn(recipe, banks, output, accelerator, devices, first, progress)
    if not trainer.fabric.is_global_zero:
        return None
    return _written(recipe, trainer, output, scans, skipped, first.sha256 if first else "")


def _paired(
    recipe: Recipe, data: Path, output: Path, workers: int | None, progress: Progress | None
) -> tuple[list[Scan], dict[str, Bank], tuple[Skipped, ...]]:
    """Claim the folder, and return the scans, the bank of each part, and what could not be used."""
    output.mkdir(parents=True, exist_ok=True)
    _claim(output, recipe)
    scans, skipped = find_scans(recipe, data)
    banks, failed = fill_bank(
        recipe, scans, data, output / "pairs", workers=workers or os.cpu_count() or 1, progress=progress
    )
    return scans, {"training": banks["training"], "validation": banks["validation"]}, (*skipped, *failed)


def _start(recipe: Recipe, path: Path) -> Loaded:
    """Return the weights to start from.

    Raises:
        UnreadableError: not weights of such a network.
    """
    loaded, shape = load_weights(recipe.network.kind, path), recipe.network
    facts = loaded.facts
    if (facts.channels, facts.units, facts.blocks) != (shape.channels, shape.units, shape.blocks):
        message = (
            f"{path}: expected weights of the recipe's network, channels {shape.channels} and {shape.units} "
            f"{shape.blocks} units, got channels {facts.channels} and {facts.units} {facts.blocks} units"
        )
        raise UnreadableError(message)
    return loaded


def _require_packages() -> None:
    """Refuse to start without the packages of the loop, because making the pairs can take hours.

    Raises:
        UsageError: one of them is missing.
    """
    try:
        for package in ("lightning_fabric", "tensorboard"):
            import_module(package)
    except ImportError as error:
        message = f"expected the packages of training: {error}; pip install 'medpaint[train]'"
        raise UsageError(message) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning Fabric's messages about its choices off the console; warnings stay."""
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _claim(output: Path, recipe: Recipe) -> None:
    """Write the recipe into the folder, or refuse a folder with the training of another recipe."""
    path = output / "recipe.json"
    if path.exists() and _claimed(path) != recipe:
        message = (
            f"{output}: expected an empty folder or one of this recipe, got the training of another recipe; "
            "name another folder"
        )
        raise UsageError(message)
    with replacing(path) as part:
        part.write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _claimed(path: Path) -> Recipe | None:
    """Return the recipe of the training in a folder; None where the file is not one."""
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except ValidationError:
        return None


def _learn(
    recipe: Recipe,
    banks: dict[str, Bank],
    output: Path,
    accelerator: str,
    devices: int,
    first: Loaded | None,
    progress: Progress | None,
) -> Trainer:
    """Run the loop to its end, and return the trainer."""
    from lightning_fabric import Fabric, seed_everything
    from torch.utils.tensorboard import SummaryWriter

    from medpaint.training.loop import Trainer

    with _quiet():
        fabric = Fabric(accelerator=accelerator, devices=devices, precision=recipe.loop.precision)
        fabric.launch()
    seed_everything(recipe.seed, verbose=False)
    network = network_of(recipe)
    if first is not None:
        network.load_state_dict(first.network.state_dict())
    trainer = Trainer(recipe, banks, fabric, output, network)
    writer = SummaryWriter(output / "logs", purge_step=trainer.step) if fabric.is_global_zero else None

    def report(step: int, done: float, values: dict[str, float]) -> None:
        if progress is not None:
            progress(_pace(step, done, trainer.seconds), done)
        if writer is not None and ("loss" not in values or step % _SCALARS == 0):
            for name, value in values.items():
                writer.add_scalar(name.replace(" ", "-"), value, step)

    trainer.run(report)
    if writer is not None:
        writer.close()
    return trainer


def _pace(step: int, done: float, seconds: float) -> str:
    """Describe the progress of a training: step, speed, and time left."""
    left = seconds * (1.0 - done) / done if done else 0.0
    minutes, rest = divmod(round(left), 60)
    return f"step {step}, {step / max(seconds, 1e-9):.1f}/s, {minutes}:{rest:02d} left"


def network_of(recipe: Recipe) -> CorrectionNetwork:
    """Return the network of a recipe, with random weights."""
    from medpaint.engines.learned.networks.build import built

    shape = recipe.network
    return built(
        shape.kind,
        inputs=input_channels(shape.kind),
        channels=shape.channels,
        units=shape.units,
        blocks=shape.blocks,
    )


def facts_of(recipe: Recipe, steps: int, scores: Mapping[str, float]) -> WeightsFacts:
    """Return the metadata of the weights of a training.

    Args:
        recipe: the training.
        steps: number of steps after which they validated.
        scores: their errors relative to that of the first fill.
    """
    return WeightsFacts(
        network=recipe.network.kind,
        channels=recipe.network.channels,
        units=recipe.network.units,
        blocks=recipe.network.blocks,
        inputs=input_channels(recipe.network.kind),
        size=recipe.loop.crop or recipe.pairs.size,
        recipe=recipe.name,
        recipe_sha256=recipe.sha256,
        steps=steps,
        start=recipe.pairs.start,
        scores={name: round(value, 4) for name, value in scores.items()},
    )


def _written(
    recipe: Recipe,
    trainer: Trainer,
    output: Path,
    scans: Sequence[Scan],
    skipped: tuple[Skipped, ...],
    start_sha256: str,
) -> Trained:
    """Write the weights and the record of how they were made."""
    facts = facts_of(recipe, trainer.best_step, trainer.best_scores)
    weights, record = output / f"{recipe.name}.safetensors", output / f"{recipe.name}.json"
    with replacing(weights) as part:
        digest = save_weights(trainer.network, facts, part)
    content = {
        "weights_sha256": digest,
        "recipe": recipe.model_dump(mode="json"),
        "recipe_sha256": recipe.sha256,
        "start_sha256": start_sha256,
        "best_step": trainer.best_step,
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600.0, 3),
        "scores": facts.scores,
        "device": str(trainer.fabric.device),
        "scans": [{"person": scan.person, "part": scan.part, "sha256": scan.sha256} for scan in scans],
        "skipped": [{"path": one.path, "reason": one.reason} for one in skipped],
        "software": software(),
        "created": now(),
    }
    with replacing(record) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return Trained(weights, digest, record, trainer.best_step, facts.scores, skipped)
