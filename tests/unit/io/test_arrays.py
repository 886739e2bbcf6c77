"""Arrays between two steps of a cohort run come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medpaint.core.errors import InputError, MedpaintError
from medpaint.io.arrays import load_arrays, save_arrays

ARRAYS = {
    "b": np.arange(24, dtype=np.int16).reshape(2, 3, 4, order="F"),
    "a": np.array([True, False]),
    "scalar": np.asarray(0.5),
    "empty": np.empty(0, np.float32),
}
FACTS = {"name": "ä", "nested": {"list": [1, 2.5, None]}}


def test_arrays_and_facts_come_back(tmp_path: Path) -> None:
    save_arrays(tmp_path / "case.npz", ARRAYS, FACTS)
    arrays, facts = load_arrays(tmp_path / "case.npz")
    assert facts == FACTS
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", ARRAYS, FACTS)
    save_arrays(tmp_path / "b", dict(reversed(ARRAYS.items())), dict(reversed(FACTS.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_objects_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        save_arrays(tmp_path / "a", {"x": np.array([{}])}, {})
    assert not list(tmp_path.iterdir())


def test_damage_is_detected_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "case.npz"
    save_arrays(path, ARRAYS, FACTS)
    original = path.read_bytes()
    before, facts = load_arrays(path)
    for at in range(len(original)):
        path.write_bytes(original[:at] + bytes([original[at] ^ 0x41]) + original[at + 1 :])
        try:
            arrays, found = load_arrays(path)
        except InputError as error:
            assert "case.npz" in str(error)  # noqa: PT017 - an unused byte may change
            continue
        assert found == facts
        assert all(np.array_equal(arrays[name], before[name]) for name in arrays)


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    save_arrays(tmp_path / "a", ARRAYS, FACTS)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:keep])
    with pytest.raises(InputError):
        load_arrays(tmp_path / "a")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedpaintError, match="No such file"):
        load_arrays(tmp_path / "none")
