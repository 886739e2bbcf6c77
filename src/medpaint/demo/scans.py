"""The scans of the demo: real ones that come with installed packages, and the holes that are made in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.errors import UsageError
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import lesion_blob, missing_slices
from medpaint.io.reading import read_scan
from medpaint.io.source import Source

__all__ = ["DEMO_SCANS", "DemoScan", "HoleMaker"]

BRAIN: Final = ("nilearn", "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
EPI: Final = ("nibabel", "tests/data/example4d.nii.gz")
CT_SERIES: Final = ("pydicom", "data/test_files/dicomdirtests/98892001/CT5N")
CT_HEAD: Final = ("pydicom", "data/test_files/J2K_pixelrep_mismatch.dcm")

HoleMaker = Callable[[Volume], Mask]
"""Returns which voxels of a scan to damage, (I, J, K)."""


@dataclass(frozen=True)
class DemoScan:
    """One scan of the demo.

    Attributes:
        name: its name in the cohort.
        what: scan and damage, in words.
        origin: the package that the scan comes with, and the path in it.
        make_hole: decides which voxels are damaged.
        with_mask: whether the workflow is given the mask, or has to find the damage.
        frame: frame of a 4D scan.
    """

    name: str
    what: str
    origin: tuple[str, str]
    make_hole: HoleMaker
    with_mask: bool = True
    frame: int | None = None

    def truth(self) -> tuple[Volume, Source]:
        """Return the undamaged scan, and what it came from.

        Raises:
            UsageError: the package that it comes with is not installed.
        """
        package, path = self.origin
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            message = f"the demo's scans come with {package}, which is not installed: pip install 'medpaint[demo]'"
            raise UsageError(message)
        return read_scan(Path(spec.origin).parent / path, frame=self.frame)


def _lesion(volume_ml: float, seed: int, centre: tuple[int, int, int] | None = None) -> HoleMaker:
    """Return holes shaped like a lesion, in tissue."""

    def make(scan: Volume) -> Mask:
        intensities = scan.intensities()
        tissue = intensities > np.percentile(intensities, 60.0)
        return lesion_blob(tissue, scan.spacing_mm, volume_ml=volume_ml, seed=seed, centre=centre)

    return make


def _lost_slices(*gaps: tuple[int, int]) -> HoleMaker:
    """Return gaps of whole slices along K, each given by its first slice and their number."""

    def make(scan: Volume) -> Mask:
        masks = [missing_slices(scan.shape, axis=2, count=count, first=first) for first, count in gaps]
        return np.asarray(np.logical_or.reduce(masks))

    return make


DEMO_SCANS: Final = (
    DemoScan(
        "brain-lesion",
        "T1w brain, a hole across the midline",
        BRAIN,
        _lesion(20.0, seed=7, centre=(102, 110, 100)),
    ),
    DemoScan(
        "brain-slices",
        "T1w brain, lost slices, found",
        BRAIN,
        _lost_slices((70, 1), (95, 2), (120, 3)),
        with_mask=False,
    ),
    DemoScan(
        "epi-slice", "4D EPI, a lost slice in a frame, found", EPI, _lost_slices((11, 1)), with_mask=False, frame=1
    ),
    DemoScan("ct-series", "CT series (DICOM), a hole", CT_SERIES, _lesion(0.02, seed=3)),
    DemoScan("ct-head", "CT head (DICOM, JPEG 2000), a hole", CT_HEAD, _lesion(2.0, seed=5, centre=(200, 270, 0))),
)
