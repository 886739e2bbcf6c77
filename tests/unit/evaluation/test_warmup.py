"""The warm-up: what loads weights at the first fill has loaded them before."""

from __future__ import annotations

import numpy as np

from medpaint.engines.base import Fill, Hole
from medpaint.engines.choice import Chosen
from medpaint.engines.learned.weights import _loaded
from medpaint.evaluation.warmup import WarmUp
from medpaint.parameters import FillParameters


class Counting:
    """An engine that counts its fills."""

    context_mm = 2.0

    def __init__(self) -> None:
        self.fills = 0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        assert seed == 0
        self.fills += 1
        return Fill.by("counting", np.zeros(np.count_nonzero(hole.mask), np.float32))


def test_every_engine_fills_once() -> None:
    engine, warm_up = Counting(), WarmUp()
    for _ in range(3):
        warm_up(Chosen(engine, "counting", "", {}))
    assert engine.fills == 1


def test_networks_have_loaded_their_weights() -> None:
    warm_up = WarmUp()
    _loaded.cache_clear()
    for number, name in enumerate(("unet3d", "resnet2d"), start=1):
        warm_up.asked(FillParameters(engine=name))
        assert _loaded.cache_info().currsize == number
