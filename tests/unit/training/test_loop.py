"""The loop: its loss, its learning rate, and that an interruption changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from training_parts import recipe

from medpaint.engines.learned.start import CHANNELS
from medpaint.training.bank import Bank
from medpaint.training.recipe import Recipe

if TYPE_CHECKING:
    from medpaint.training.batches import Batch
    from medpaint.training.loop import Trainer

HOLE = CHANNELS.index("hole")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread, so that the order of sums is fixed."""

    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def batch_of(count: int = 2, missing: float = 1.0) -> Batch:
    """Return patches whose target has the same size everywhere in the holes, with random signs."""

    import torch

    from medpaint.training.batches import Batch

    generator = torch.Generator().manual_seed(0)
    shape = (count, 1, 6, 6, 6)
    hole = (torch.rand(shape, generator=generator) < 0.3).float()
    signs = torch.randn(shape, generator=generator).sign()
    return Batch(torch.zeros(count, len(CHANNELS), 6, 6, 6), missing * signs * hole, hole)


def test_a_perfect_correction_has_no_loss() -> None:
    from medpaint.training.loop import loss_of

    batch = batch_of()
    assert float(loss_of(batch.missing, batch)) == 0.0


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.0])
def test_the_loss_is_relative_to_what_is_missing(scale: float) -> None:
    import torch

    from medpaint.training.loop import loss_of

    batch = batch_of(missing=scale)
    assert float(loss_of(torch.zeros_like(batch.missing), batch)) == pytest.approx(0.5)
    assert float(loss_of(0.5 * batch.missing, batch)) == pytest.approx(0.125)


def test_a_tiny_target_hardly_counts() -> None:
    import torch

    from medpaint.training.loop import loss_of

    batch = batch_of(missing=0.01)
    assert float(loss_of(torch.zeros_like(batch.missing), batch)) == pytest.approx(0.005)


def test_the_loss_ignores_voxels_outside_the_hole() -> None:
    from medpaint.training.loop import loss_of

    batch = batch_of()
    outside = batch.missing + 100.0 * (1.0 - batch.hole)
    assert float(loss_of(outside, batch)) == 0.0


def test_small_holes_count_as_much_as_large_ones() -> None:
    import torch

    from medpaint.training.batches import Batch
    from medpaint.training.loop import loss_of

    hole = batch_of().hole
    hole[1] = 0.0
    hole[1, 0, 0, 0, 0] = 1.0
    batch = Batch(torch.zeros(2, len(CHANNELS), 6, 6, 6), hole.clone(), hole)
    wrong_in_one = [batch.missing.clone(), batch.missing.clone()]
    wrong_in_one[0][0] += 0.5
    wrong_in_one[1][1] += 0.5
    assert float(loss_of(wrong_in_one[0], batch)) == pytest.approx(float(loss_of(wrong_in_one[1], batch)))


def test_a_patch_without_a_hole_has_no_loss() -> None:
    from medpaint.training.batches import Batch
    from medpaint.training.loop import loss_of

    batch = batch_of()
    assert float(loss_of(batch.missing + 1.0, Batch(batch.shown, batch.missing, batch.hole * 0))) == 0.0


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    from medpaint.training.loop import _rate

    loop = recipe(loop={"rate": 1e-3, "warmup": 0.1}).loop
    rates = [_rate(loop, done) for done in np.linspace(0.0, 1.0, 101)]
    assert rates[0] == pytest.approx(1e-5)
    assert np.argmax(rates) == 10
    assert max(rates) == pytest.approx(1e-3)
    assert all(np.diff(rates[:11]) > 0)
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(1e-5)


def test_the_learning_rate_may_start_at_its_highest() -> None:
    from medpaint.training.loop import _rate

    loop = recipe(loop={"rate": 1e-3, "warmup": 0.0}).loop
    assert _rate(loop, 0.0) == pytest.approx(1e-3)


def test_progress_is_counted_in_steps_or_in_time() -> None:
    from medpaint.training.loop import _done

    steps = recipe(loop={"steps": 4}).loop
    assert [_done(steps, step, 1e6) for step in (0, 1, 4, 9)] == [0.0, 0.25, 1.0, 1.0]
    minutes = recipe(loop={"steps": None, "minutes": 2.0}).loop
    assert [_done(minutes, 10**6, seconds) for seconds in (0.0, 30.0, 120.0, 999.0)] == [0.0, 0.25, 1.0, 1.0]


def bank_in(folder: Path) -> Bank:
    """Write a case of four patches whose target is the difference of two channels."""
    rng = np.random.default_rng(0)
    shown = rng.normal(size=(4, len(CHANNELS), 8, 8, 8)).astype(np.float16)
    shown[:, HOLE] = rng.random((4, 8, 8, 8)) < 0.5
    target = (shown[:, 1:2] - shown[:, :1]) * shown[:, HOLE : HOLE + 1]
    path = folder / "case.npy"
    np.save(path, np.concatenate([shown, target], axis=1))
    return Bank((path,), ("blob",), 4)


def trainer_in(folder: Path, wanted: Recipe) -> Trainer:
    """Set up a training in a folder, or resume the one in it."""

    import torch
    from lightning_fabric import Fabric

    from medpaint.engines.learned.networks.build import built
    from medpaint.training.loop import Trainer

    folder.mkdir(exist_ok=True)
    bank = bank_in(folder)
    torch.manual_seed(0)
    network = built("unet3d", inputs=len(CHANNELS), channels=(4, 8), units=1)
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    return Trainer(wanted, {"training": bank, "validation": bank}, fabric, folder, network)


def ignore(*_: object) -> None:
    """Ignore the report."""


class Interruption(Exception):  # noqa: N818 - not an error: it stands for a power cut
    """The power was cut."""


@pytest.mark.parametrize("step", [3, 4, 7])
def test_an_interrupted_training_ends_like_an_undisturbed_one(tmp_path: Path, step: int) -> None:
    import torch

    wanted = recipe(loop={"steps": 10, "validate_every": 2, "ema": 0.5, "precision": "32-true"})
    undisturbed = trainer_in(tmp_path / "a", wanted)
    undisturbed.run(ignore)

    def interrupt(now: int, *_: object) -> None:
        if now == step:
            raise Interruption

    with pytest.raises(Interruption):
        trainer_in(tmp_path / "b", wanted).run(interrupt)
    resumed = trainer_in(tmp_path / "b", wanted)
    assert resumed.step == (step - 1) // 2 * 2
    resumed.run(ignore)
    assert (resumed.best_step, resumed.best_scores) == (undisturbed.best_step, undisturbed.best_scores)
    for name, value in undisturbed.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])


def test_training_lowers_the_validation_score(tmp_path: Path) -> None:
    wanted = recipe(loop={"steps": 60, "validate_every": 20, "rate": 1e-2, "ema": 0.5, "precision": "32-true"})
    scores: list[float] = []

    def note(_step: int, _done: float, values: dict[str, float]) -> None:
        scores.extend(value for name, value in values.items() if name == "validation")

    trainer = trainer_in(tmp_path, wanted)
    trainer.run(note)
    assert len(scores) == 3
    assert scores[-1] < 0.9
    assert trainer.best == min(scores)


def test_a_finished_training_takes_no_more_steps(tmp_path: Path) -> None:
    import torch

    wanted = recipe(loop={"steps": 4, "precision": "32-true"})
    first = trainer_in(tmp_path, wanted)
    first.run(ignore)
    again = trainer_in(tmp_path, wanted)

    def never(*_: object) -> None:
        pytest.fail("a step was taken")

    again.run(never)
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name])
