from __future__ import annotations

import numpy as np
import pytest
from morphometry_lesions import KINDS, Shapes, painted, parts_of, site_of, weight_of
from morphometry_tissue import CSF, GREY, WHITE, Tissues
from scipy.ndimage import distance_transform_edt

from medpaint.core.types import Array, Mask, Spacing
from medpaint.corrupt import LesionShape

SPACING: Spacing = (1.0, 1.0, 1.0)


def brain() -> tuple[Mask, Array]:
    """Return a ball of 42 mm radius, and its labels: ventricles, white matter, cortex and CSF from within."""
    axes = np.ogrid[-44:45, -44:45, -44:45]
    radius_mm = np.sqrt(sum(np.square(axis) for axis in axes))
    layers = [radius_mm <= limit for limit in (10.0, 32.0, 38.0, 42.0)]
    labels = np.select(layers, [CSF, WHITE, GREY, CSF], 0).astype(np.uint8)
    return labels > 0, labels


def tissues_of(labels: Array) -> Tissues:
    return Tissues(labels, np.zeros((*labels.shape, 3), np.float32))


def block(*edges: int) -> LesionShape:
    return LesionShape(np.ones(edges, bool), SPACING)


def test_sites_lie_in_white_matter_near_what_they_are_named_after() -> None:
    inside, labels = brain()
    site = site_of(tissues_of(labels), inside, SPACING)
    assert site.periventricular.any()
    assert site.juxtacortical.any()
    assert (labels[site.periventricular | site.juxtacortical] == WHITE).all()
    assert not (site.periventricular & site.juxtacortical).any()


def test_shallow_csf_is_no_ventricle() -> None:
    inside, labels = brain()
    labels[labels == CSF] = WHITE
    labels[inside & (distance_transform_edt(inside) < 6.0)] = CSF
    assert not site_of(tissues_of(labels), inside, SPACING).periventricular.any()


@pytest.mark.parametrize("name", KINDS)
def test_lesions_lie_in_the_brain_and_depend_on_the_seed_alone(name: str) -> None:
    inside, labels = brain()
    site = site_of(tissues_of(labels), inside, SPACING)
    flat = [block(*np.roll(edges, axis).tolist()) for edges in ((7, 7, 1), (8, 8, 4)) for axis in range(3)]
    shapes = Shapes([*flat, block(10, 10, 10)], [block(28, 28, 28)])
    mask = KINDS[name].place(site, shapes, 1)
    assert mask.any()
    assert not (mask & ~inside).any()
    assert np.array_equal(mask, KINDS[name].place(site, shapes, 1))
    assert not np.array_equal(mask, KINDS[name].place(site, shapes, 2))


def test_a_soft_lesion_fades_outside_its_mask_and_stays_in_the_brain() -> None:
    inside, labels = np.ones((21, 21, 21), bool), np.zeros((21, 21, 21), bool)
    labels[8:13, 8:13, 8:13] = True
    inside[:, :, :8] = False
    weight = weight_of(labels & inside, KINDS["soft"], inside, (1.0, 1.0, 1.0))
    assert (weight[labels & inside] == 1.0).all()
    assert weight[13, 10, 10] == pytest.approx(0.5)
    assert weight[14, 10, 10] == 0.0
    assert not weight[~inside].any()


def test_a_sharp_lesion_ends_with_its_mask() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[3:6, 3:6, 3:6] = True
    assert np.array_equal(weight_of(mask, KINDS["stroke"], np.ones_like(mask), (1.0, 1.0, 1.0)) > 0.0, mask)


def test_painting_changes_nothing_without_weight() -> None:
    image = np.random.default_rng(0).uniform(100.0, 200.0, (6, 6, 6))
    weight = np.zeros(image.shape)
    weight[2:4, 2:4, 2:4] = 1.0
    changed = painted(image, weight, level=50.0, noise=0.0, seed=0)
    assert (changed[weight > 0.0] == 50.0).all()
    assert np.array_equal(changed[weight == 0.0], image[weight == 0.0])


def test_parts_of_a_lesion_mask_are_shapes_of_their_own() -> None:
    mask = np.zeros((8, 8, 8), bool)
    mask[:2, :2, :2], mask[5:, 5:, 7:] = True, True
    parts = parts_of(LesionShape(mask, (1.0, 1.0, 2.0)))
    assert sorted(part.ml for part in parts) == pytest.approx([0.016, 0.018])
