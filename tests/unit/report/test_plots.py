"""Plots of scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.report.plots import plot_by_size


def test_single_hole_is_plotted_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one = [(0.010132789611816406, 33.4196)]
    plot_by_size({"blob": {"harmonic": one, "nearest": one}}, tmp_path / "plot", score="PSNR, dB")
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert (tmp_path / "plot.svg").stat().st_size > 1000
