"""The body in a scan, found from the voxels above a threshold."""

from __future__ import annotations

import numpy as np

from medpaint.core.body import body


def test_body_has_no_holes_and_no_specks() -> None:
    grid = np.indices((40, 40, 40)) - 19.5
    full = (grid**2).sum(axis=0) <= 12.0**2
    bright = full.copy()
    bright[18:22, 18:22, 18:22] = False
    bright[10:30, 19:21, 28:] = False
    bright[1, 1, 1] = True
    found = body(bright, (1.0, 1.0, 1.0))
    assert found[20, 20, 20]
    assert not found[1, 1, 1]
    assert np.count_nonzero(found ^ full) < 0.01 * np.count_nonzero(full)
    assert not body(np.zeros((4, 4, 4), dtype=bool), (1.0, 1.0, 1.0)).any()
