"""Networks run over inputs larger than what they see at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from networks import one_thread, tiny_weights

from medpaint.engines.learned import running
from medpaint.engines.learned.beside import body_in
from medpaint.engines.learned.running import outputs_of
from medpaint.engines.learned.weights import load_weights


def test_strips_of_a_plane_give_what_the_whole_plane_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    loaded = load_weights("resnet2d", tiny_weights("resnet2d", tmp_path, output=0.1, varied=1.0))
    batch = torch.randn(2, loaded.facts.inputs, 50, 24, generator=torch.manual_seed(0))
    with one_thread(), torch.inference_mode():
        whole = loaded.network(batch)
        monkeypatch.setattr(running, "_STRIP", 24 * 20)
        strips = outputs_of(loaded.runnable, batch)
    assert strips.shape == whole.shape
    np.testing.assert_allclose(strips.numpy(), whole.numpy(), atol=1e-5)
    assert float(whole.std()) > 1e-3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_body_keeps_a_margin_and_all_slices(axis: int) -> None:
    values = np.zeros((60, 64, 68), np.float32)
    values[28:30, 30:34, 32:38] = 100.0
    known = np.ones(values.shape, dtype=bool)
    expected = [slice(18, 40), slice(25, 39), slice(12, 58)]
    expected[axis] = slice(0, values.shape[axis])
    assert body_in(values, known, (1.0, 2.0, 0.5), axis) == tuple(expected)


def test_a_body_that_fills_the_scan_is_the_whole_scan() -> None:
    values = np.full((20, 20, 20), 5.0, np.float32)
    whole = (slice(0, 20),) * 3
    assert body_in(values, np.ones(values.shape, dtype=bool), (1.0, 1.0, 1.0), None) == whole


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (4, [4]), (5, [2, 3]), (9, [3, 3, 3])])
def test_windows_are_computed_in_even_batches(count: int, sizes: list[int]) -> None:
    parts = running._even_parts([(number,) for number in range(count)], 4)
    assert [len(part) for part in parts] == sizes
    assert [one for part in parts for one in part] == [(number,) for number in range(count)]


def test_a_window_by_itself_gives_what_it_gives_in_a_batch(tmp_path: Path) -> None:
    import torch

    loaded = load_weights("unet3d", tiny_weights("unet3d", tmp_path, output=0.1, varied=1.0))
    batch = torch.randn(3, loaded.facts.inputs, 16, 16, 16, generator=torch.manual_seed(0))
    with one_thread():
        alone, *_ = running._run(loaded.runnable, [batch[:1]])
        together, *_ = running._run(loaded.runnable, [batch])
    assert alone.shape == (1, 1, 16, 16, 16)
    np.testing.assert_allclose(alone.numpy(), together[:1].numpy(), atol=1e-6)
