"""Lesion shapes from a folder of masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scans import hole, save

from medpaint.core.errors import InputError
from medpaint.datasets.lesion_shapes import LesionFolder


def test_shapes_come_from_the_masks_of_a_folder_in_order(tmp_path: Path) -> None:
    save(hole(), tmp_path / "b.nii.gz")
    save(np.roll(hole(), 3, axis=0), tmp_path / "sub" / "a.nii.gz")
    shapes = LesionFolder(tmp_path)
    assert [path.name for path in shapes.paths] == ["b.nii.gz", "a.nii.gz"]
    assert shapes[0].mask.shape == (6, 6, 5)
    assert [shape.ml for shape in shapes[:2]] == [shapes[0].ml] * 2
    assert len(shapes) == 2


def test_empty_mask_is_refused_with_its_path(tmp_path: Path) -> None:
    path = save(np.zeros_like(hole()), tmp_path / "empty.nii.gz")
    with pytest.raises(InputError, match=f"{path.name}: expected a lesion mask"):
        _ = LesionFolder(tmp_path)[0]


def test_folder_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected"):
        LesionFolder(tmp_path)
