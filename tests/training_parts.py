"""Parts of small trainings, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.phantoms import head
from medpaint.training.recipe import Recipe, Source
from medpaint.training.scans import Whole

ONE_MM: Spacing = (1.0, 1.0, 1.0)


def recipe(**changes: Any) -> Recipe:
    """Return a tiny recipe with some values changed."""
    values: dict[str, Any] = {
        "name": "tiny",
        "holes": [{"kind": "blob", "sizes": [0.2, 0.5], "weight": 1.0}],
        "pairs": {"cases": 1, "validation_cases": 1, "patches": 3, "size": 16, "pace": None},
        "network": {"kind": "unet3d", "channels": [4, 8], "units": 1},
        "loop": {"steps": 4, "batch": 2, "validate_every": 2},
    }
    for name, change in changes.items():
        values[name] = {**values[name], **change} if isinstance(change, dict) else change
    return Recipe.model_validate(values)


def source(**changes: Any) -> Source:
    """Return a source of all NIfTI files of a folder."""
    return Source.model_validate({"name": "brains", "images": ["*.nii.gz"], "weight": 1.0, **changes})


def whole(shape: tuple[int, int, int] = (40, 44, 36), spacing_mm: Spacing = ONE_MM) -> Whole:
    """Return a noisy head."""
    noise = np.random.default_rng(0).normal(0.0, 0.02, shape).astype(np.float32)
    truth: FloatArray = 100.0 * (head(shape, (4.0, 4.0, 4.0)) + noise)
    tissue: Mask = truth > 10.0
    return Whole(truth, tissue, spacing_mm)
