"""Damaged DICOM of every sort: a clear error or a volume, never a crash, a hang, or gigabytes."""

from __future__ import annotations

import faulthandler
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import Phantom
from multiframe_phantom import enhanced_pet
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from medpaint.core.errors import MedpaintError
from medpaint.io.dicom import is_drawn, list_series, read_drawn, read_series

pytestmark = pytest.mark.slow

ROUNDS = 700
MEMORY = 2_000_000_000
PATIENCE_S = 120


def spoiled(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file that was cut, overwritten in places, or whose parts were moved."""
    data: NDArray[np.uint8] = np.frombuffer(content, np.uint8).copy()
    kind = rng.integers(5)
    head = min(len(data), 1400)
    if kind == 0:
        return content[: int(rng.integers(len(data)))]
    if kind == 1:
        data[rng.integers(0, head, rng.integers(1, 12))] = rng.integers(0, 256)
    elif kind == 2:
        start = int(rng.integers(head - 8))
        data[start : start + 4] = rng.choice([[255, 255, 255, 255], [255, 255, 255, 127], [0, 0, 0, 0]])
    elif kind == 3:
        first, second = np.sort(rng.integers(0, head, 2))
        data = np.concatenate([data[:first], data[second:]])
    else:
        first, second = np.sort(rng.integers(0, head, 2))
        data = np.concatenate([data[:second], data[first:]])
    return data.tobytes()


def sources(folder: Path) -> list[Path]:
    """Write series of several sorts and return a file of each."""
    chosen = []
    for number, syntax in enumerate((ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)):
        files = Phantom(syntax=syntax, series=f"1.2.3.{number}").write(folder / str(number))
        chosen.append(files[2])
    for volume in (0, 1):
        files = Phantom(modality="PT", bits_stored=16, series="1.2.3.8", change=directed(volume)).write(
            folder / "pet" / str(volume)
        )
    enhanced_pet(folder / "enhanced" / "e.dcm", times=2)
    return [*chosen, files[2], folder / "enhanced" / "e.dcm"]


def directed(volume: int) -> Callable[[FileDataset, int], None]:
    """Return a change that tells volumes apart by a private direction only."""

    def change(dataset: FileDataset, _index: int) -> None:
        dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{volume}")
        block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0E, "FD", [1.0 - volume, float(volume), 0.0])

    return change


def look(folder: Path, file: Path) -> str:
    """Read what is in a folder; return the outcome in a word."""
    try:
        for found in list_series(folder):
            if found.restorable:
                read_series(folder, series=found.name)
        if is_drawn(file):
            read_drawn(file, read_series(folder)[0], "", ())
    except MedpaintError as error:
        return type(error).__name__
    return "read"


def main(folder: Path) -> None:
    """Spoil files and read them, within the limits."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
    rng = np.random.default_rng(0)
    files = sources(folder)
    real = [path for path in map(Path, sys.argv[2:]) if path.is_file()]
    outcomes: dict[str, int] = {}
    for number in range(ROUNDS):
        origin = [*files, *real][number % (len(files) + len(real))]
        target = folder / "spoiled" / "file" if origin in real else origin
        target.parent.mkdir(exist_ok=True)
        content = origin.read_bytes()
        target.write_bytes(spoiled(content, rng))
        outcome = look(target.parent, target)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if origin in files:
            origin.write_bytes(content)
    sys.stdout.write(f"{outcomes}\n")


def test_spoiled_files_are_read_or_refused(tmp_path: Path) -> None:
    shared = Path(__file__).resolve().parents[3] / "shared" / "data" / "dicom"
    real = [
        shared / "seg-dcmqi" / "23x38x3" / "seg" / "label.seg",
        shared / "mr-mosaic" / "In" / "Orientation" / "axmb" / "AxAsc36mb2a" / "jpg1.dcm",
        shared / "geometry-zoo" / "generic" / "compressed_jpegls" / "001" / "IM-0001-0001-0001.dcm",
    ]
    words = [sys.executable, __file__, str(tmp_path), *map(str, real)]
    beside = str(Path(__file__).resolve().parents[1])
    places = {**os.environ, "PYTHONPATH": beside}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=places)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "UnreadableError" in done.stdout
    assert "read" in done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
