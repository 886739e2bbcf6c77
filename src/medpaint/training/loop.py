"""The loop: steps, validation, checkpoints; it resumes after an interruption with identical results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from medpaint.engines.learned.networks.base import CorrectionNetwork
from medpaint.io.atomic import replacing
from medpaint.training.bank import Bank
from medpaint.training.batches import Batch, batches, ordered
from medpaint.training.recipe import Loop, Recipe

__all__ = ["Report", "Trainer", "loss_of"]

_LOWEST: Final = 0.01
"""Final learning rate, relative to the highest."""

_HUBER: Final = 3.0
"""Error above which the loss is linear, in root mean squares of a patch's target."""

_LEAST: Final = 0.1
"""Smallest root mean square by which a patch's errors are divided, in deviations of the scan."""

Report = Callable[[int, float, dict[str, float]], None]
"""Called with the step, the fraction of the training done, and what was measured."""


def loss_of(correction: Tensor, batch: Batch) -> Tensor:
    """Return the mean Huber loss in the holes, relative to the patch's target.

    All patches count equally, however large the hole and however far the first fill is from the truth.
    """
    axes = tuple(range(1, batch.missing.ndim))
    voxels = batch.hole.sum(axes, keepdim=True).clamp_min(1.0)
    missing = ((batch.missing.square() * batch.hole).sum(axes, keepdim=True) / voxels).sqrt().clamp_min(_LEAST)
    error = torch.nn.functional.huber_loss(
        correction.float() / missing, batch.missing / missing, reduction="none", delta=_HUBER
    )
    return ((error * batch.hole).sum(axes, keepdim=True) / voxels).mean()


@dataclass(eq=False)
class Trainer:
    """A training in progress.

    Attributes:
        recipe: the training.
        banks: patches for training and for validation.
        fabric: device, precision and processes.
        folder: where the checkpoint is kept.
        network: what is trained.
        step: steps done.
        seconds: time spent on them.
        best: lowest validation score so far.
        best_step: step of that score.
        best_scores: all scores at that step.
    """

    recipe: Recipe
    banks: dict[str, Bank]
    fabric: Fabric
    folder: Path
    network: CorrectionNetwork
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    best_step: int = 0
    best_scores: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set up the optimiser and the averaged weights, and resume from a checkpoint if there is one."""
        loop = self.recipe.loop
        layout = torch.channels_last_3d if self.network.architecture.ndim == 3 else torch.channels_last
        self.network.to(memory_format=layout)  # type: ignore[call-overload]  # torch's types know 2D layouts only
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=loop.rate, weight_decay=loop.decay)
        self._model, self._optimiser = self.fabric.setup(self.network, optimiser)
        self._average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(loop.ema))  # type: ignore[no-untyped-call]  # torch has no types there
        self._best_weights = {name: value.clone() for name, value in self._averaged().items()}
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """The file from which the training resumes."""
        return self.folder / "checkpoint.pt"

    @property
    def done(self) -> float:
        """The fraction of the training that is done."""
        return _done(self.recipe.loop, self.step, self.seconds)

    def run(self, report: Report) -> CorrectionNetwork:
        """Train to the end, and return the network with the averaged weights that validated best."""
        loop = self.recipe.loop
        source = batches(
            self.banks["training"],
            seed=self.recipe.seed,
            size=loop.batch,
            first=self.step,
            crop=loop.crop,
            rank=self.fabric.global_rank,
        )
        while self.done < 1.0:
            started = time.perf_counter()
            loss = self._take_step(next(source).to(self.fabric.device))
            self.step += 1
            self.seconds += time.perf_counter() - started
            if loop.minutes is not None:
                self.seconds = self.fabric.broadcast(self.seconds)
            report(self.step, self.done, {"loss": loss, "rate": self._optimiser.param_groups[0]["lr"]})
            if self.step % loop.validate_every == 0 or self.done >= 1.0:
                report(self.step, self.done, self._evaluate())
        source.close()
        self.network.load_state_dict(self._best_weights)
        return self.network

    def _take_step(self, batch: Batch) -> float:
        """Take one optimiser step, and return the loss."""
        for group in self._optimiser.param_groups:
            group["lr"] = _rate(self.recipe.loop, self.done)
        self._model.train()
        self._optimiser.zero_grad(set_to_none=True)
        loss = loss_of(self._model(batch.shown), batch)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self._model, self._optimiser, max_norm=self.recipe.loop.clip)
        self._optimiser.step()
        self._average.update_parameters(self.network)
        return float(loss.detach())

    def _evaluate(self) -> dict[str, float]:
        """Validate, keep the weights if they are the best so far, and write a checkpoint."""
        scores = self._validated()
        if scores["validation"] < self.best:
            self.best, self.best_step, self.best_scores = scores["validation"], self.step, scores
            self._best_weights = {name: value.clone() for name, value in self._averaged().items()}
        self._write()
        return scores

    def _validated(self) -> dict[str, float]:
        """Return the mean error of the cases relative to their first fills, by kind of hole and overall."""
        network = self._average.module.eval()
        bank = self.banks["validation"]
        before, after = np.zeros(len(bank.files)), np.zeros(len(bank.files))
        with torch.inference_mode(), self.fabric.autocast():
            for batch, cases in ordered(bank, self.recipe.loop.batch):
                here = batch.to(self.fabric.device)
                left = here.missing - network(here.shown).float()
                for number, case in enumerate(cases):
                    before[case] += float((here.missing[number].square() * here.hole[number]).sum())
                    after[case] += float((left[number].square() * here.hole[number]).sum())
        ratios = np.sqrt(np.divide(after, before, out=np.ones_like(before), where=before > 0.0))
        kinds = np.array(bank.kinds)
        scores = {kind: float(ratios[kinds == kind].mean()) for kind in dict.fromkeys(bank.kinds)}
        return {**scores, "validation": float(ratios.mean())}

    def _averaged(self) -> dict[str, Tensor]:
        """Return the averaged weights by name."""
        module = self._average.module
        state: dict[str, Tensor] = module.state_dict()
        return state

    def _write(self) -> None:
        """Write everything that the next step depends on, in the first process only."""
        if self.fabric.global_rank == 0:
            state: dict[str, Any] = {
                "recipe": self.recipe.sha256,
                "network": self.network.state_dict(),
                "average": self._average.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "best_weights": self._best_weights,
                **{name: getattr(self, name) for name in _KEPT},
            }
            with replacing(self.checkpoint) as part:
                torch.save(state, part)
        self.fabric.barrier()

    def _resume(self) -> None:
        """Resume from the checkpoint."""
        state = torch.load(self.checkpoint, map_location=self.fabric.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._best_weights = state["best_weights"]
        for name in _KEPT:
            setattr(self, name, state[name])


_KEPT: Final = ("step", "seconds", "best", "best_step", "best_scores")
"""Attributes of a trainer that a checkpoint keeps besides the weights."""


def _done(loop: Loop, step: int, seconds: float) -> float:
    """Return the fraction of a training that is done."""
    if loop.steps is not None:
        return min(1.0, step / loop.steps)
    return min(1.0, seconds / (60.0 * (loop.minutes or 1.0)))


def _rate(loop: Loop, done: float) -> float:
    """Return the learning rate: a short linear warm-up, then a cosine."""
    if done < loop.warmup:
        return loop.rate * max(done / loop.warmup, _LOWEST)
    fall = (done - loop.warmup) / (1.0 - loop.warmup)
    return loop.rate * (_LOWEST + (1.0 - _LOWEST) * 0.5 * (1.0 + math.cos(math.pi * fall)))
