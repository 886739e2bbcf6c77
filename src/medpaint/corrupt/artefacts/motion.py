"""Motion during the scan: blur, double edges and ghosts, over the whole volume."""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import JsonValue

from medpaint.core.types import Array, FloatArray
from medpaint.corrupt.artefacts.change import Change
from medpaint.corrupt.artefacts.kspace import Complex, magnitude, shifted
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.artefacts.severity import between

__all__ = ["motion"]

_SHIFT_MM: Final = (0.4, 8.0)
"""Largest displacement at severities 0 and 1."""

_TURN_DEGREES: Final = (0.3, 5.0)
"""Largest rotation of a sudden movement."""

_BREATH: Final = (0.02, 0.5)
"""Change of the signal's amplitude over a period of regular motion, as a share."""


def motion(scene: Scene, severity: float, rng: np.random.Generator) -> Change:
    """Move the body while the lines of k-space are acquired, one after the other, in each slice.

    *sudden* is two to five movements, each a displacement and a rotation in the plane of the slices; the centre of
    k-space is acquired at rest, so the image stays in place. *regular* is breathing or a pulse: with a period of
    2.3 to 9 lines it displaces and modulates the signal, which makes ghosts. Filling repairs neither.

    Args:
        scene: the clean scan, MR.
        severity: displacements from 0.4 to 8 mm, rotations from 0.3 to 5 degrees.
        rng: decides when, and in which direction.
    """
    axis = scene.slice_axis(rng)
    plane = [other for other in range(3) if other != axis]
    phase_axis, read_axis = (plane[int(index)] for index in rng.permutation(2))
    is_sudden = bool(rng.random() < 0.5)
    image = scene.values.astype(np.float32)
    if is_sudden:
        moved, facts = _sudden(scene, image, (phase_axis, read_axis), severity, rng)
    else:
        moved, facts = _regular(scene, image, phase_axis, severity, rng)
    facts |= {"phase_axis": "IJK"[phase_axis]}
    return Change(magnitude(moved, scene.values), scene.usable, facts)


def _sudden(
    scene: Scene, image: FloatArray, axes: tuple[int, int], severity: float, rng: np.random.Generator
) -> tuple[Complex, dict[str, JsonValue]]:
    """Return the image of a body that moved a few times, and what it did."""
    from scipy.fft import fft, fftshift, ifft, ifftshift

    count = int(rng.integers(2, 6))
    lines = image.shape[axes[0]]
    starts = np.sort(rng.uniform(0.05, 0.95, count)) * lines
    shifts, turns = rng.uniform(-1.0, 1.0, (count + 1, 2)), rng.uniform(-1.0, 1.0, count + 1)
    size_mm, angle = between(*_SHIFT_MM, severity), np.deg2rad(between(*_TURN_DEGREES, severity))
    poses = np.searchsorted(starts, np.arange(lines), side="right")
    still = int(poses[lines // 2])
    acquired = fftshift(fft(image, axis=axes[0]), axes=axes[0])
    for pose in range(count + 1):
        if pose == still or not (poses == pose).any():
            continue
        moved = _turned(image, angle * float(turns[pose] - turns[still]), axes, scene.volume.spacing_mm)
        for along, part in zip(axes, shifts[pose] - shifts[still], strict=True):
            moved = shifted(moved, size_mm * float(part) / scene.volume.spacing_mm[along], along)
        k_space = fftshift(fft(moved, axis=axes[0]), axes=axes[0])
        chosen = (slice(None),) * axes[0] + (poses == pose,)
        acquired[chosen] = k_space[chosen]
    result: Complex = ifft(ifftshift(acquired, axes=axes[0]), axis=axes[0])
    return result, {"variant": "sudden", "movements": count, "displacement_mm": size_mm}


def _turned(image: FloatArray, angle: float, axes: tuple[int, int], spacing_mm: tuple[float, ...]) -> Array:
    """Return an image turned about its centre by three shears, phase ramps in k-space (Unser et al., 1995)."""
    first, second = axes
    turned: Array = image
    for along, across, amount in (
        (first, second, -np.tan(angle / 2.0)),
        (second, first, np.sin(angle)),
        (first, second, -np.tan(angle / 2.0)),
    ):
        count = image.shape[across]
        offset = (np.arange(count) - (count - 1) / 2.0) * spacing_mm[across] / spacing_mm[along]
        distance = (amount * offset).reshape([-1 if other == across else 1 for other in range(3)])
        turned = shifted(turned, distance.astype(np.float32), along)
    return turned


def _regular(
    scene: Scene, image: FloatArray, axis: int, severity: float, rng: np.random.Generator
) -> tuple[Complex, dict[str, JsonValue]]:
    """Return the image of a body that moves to and fro along the phase encoding, and how."""
    from scipy.fft import fft, fftfreq, ifft

    period, start = float(rng.uniform(2.3, 9.0)), float(rng.uniform(0.0, 2.0 * np.pi))
    size_mm, breath = between(*_SHIFT_MM, severity), between(*_BREATH, severity)
    frequency = fftfreq(image.shape[axis])
    line = np.rint(frequency * image.shape[axis])
    swing = np.sin(2.0 * np.pi * line / period + start)
    distance = 0.5 * size_mm / scene.volume.spacing_mm[axis] * swing
    weight = (1.0 + breath * (swing - np.sin(start))) * np.exp(-2j * np.pi * frequency * distance)
    weight = weight.reshape([-1 if other == axis else 1 for other in range(3)]).astype(np.complex64)
    moved: Complex = ifft(fft(image, axis=axis) * weight, axis=axis)
    return moved, {"variant": "regular", "period_lines": period, "displacement_mm": size_mm}
