"""The networks on a real brain that they were not trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

import medpaint
from medpaint.datasets.clean import Clean, read_clean
from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.datasets.manifest import read_manifest
from medpaint.datasets.subjects import Subject
from medpaint.evaluation.hole import EvaluationHole, hole_in
from medpaint.evaluation.kinds import hole_kinds
from medpaint.parameters import FillParameters

pytestmark = pytest.mark.real

RECORD = Path(medpaint.__file__).parent / "engines" / "learned" / "shipped" / "unet3d.json"


@pytest.fixture(scope="module")
def brain(real_data: Path) -> Clean:
    path = real_data / "t1w-brain-ds002748" / "train-1mm" / "sub-38_T1w.nii.gz"
    return read_clean(Subject.of(path), read_manifest(RECORD))


def error(hole: EvaluationHole, engine: str) -> float:
    """Return the RMSE of an engine in a hole."""
    restored = hole.restored(FillParameters(engine=engine)).volume
    return hole.reference.scores(restored.intensities()).rmse


@pytest.mark.parametrize(
    ("kind", "most"), [("blob:0.4-2", 0.75), ("lesion:8-15", 0.8), ("lesion:30-50", 0.85), ("slices:1-3", 0.7)]
)
def test_network_beats_smooth_fills_on_hidden_tissue(
    brain: Clean, real_data: Path, kind: str, most: float
) -> None:
    shapes = LesionFolder(real_data / "lesion-masks" / "stroke-lesymap")
    hole = hole_in(brain, hole_kinds([kind], shapes)[0], 0, seed=11, shapes=shapes)
    errors = {name: error(hole, name) for name in ("harmonic", "biharmonic", "unet3d")}
    assert errors["unet3d"] < most * errors["harmonic"]
    assert errors["unet3d"] < errors["biharmonic"]


@pytest.mark.parametrize("kind", ["slices:1-3", "slab-i:1-3", "slab-j:4-8"])
def test_network_beats_exemplars_on_lost_slices(brain: Clean, kind: str) -> None:
    hole = hole_in(brain, hole_kinds([kind])[0], 0, seed=3)
    errors = {name: error(hole, name) for name in ("exemplar", "resnet2d")}
    assert errors["resnet2d"] < errors["exemplar"]
