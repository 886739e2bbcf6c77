"""The scans that benchmarks/engines.py measures on: every body and contrast of the test data, by kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.body import body
from medpaint.datasets.clean import Clean, read_clean
from medpaint.datasets.subjects import Subject
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.evaluation.run import Row

__all__ = ["GROUPS", "Group", "Scan", "clean_of", "group_of", "groups_named", "trained_on"]


@dataclass(frozen=True)
class Scan:
    """A scan of the test data.

    Attributes:
        path: below the data: a file, or the folder of a DICOM series.
        person: who was scanned.
        name: its name in tables, of which there is only one.
        avoid: mask of unhealthy tissue below the data; empty if there is none.
        above: intensity above which a voxel is tissue; None: the threshold of the package.
    """

    path: str
    person: str
    name: str
    avoid: str = ""
    above: float | None = None


@dataclass(frozen=True)
class Group:
    """Scans of one kind.

    Attributes:
        title: heading.
        about: what they are, for the page.
        scans: the scans.
        sheet: picture that shows a case of this group.
    """

    title: str
    about: str
    scans: tuple[Scan, ...]
    sheet: str = "others"

    @property
    def name(self) -> str:
        """The title as a word for the command line and for file names."""
        return "-".join("".join(one if one.isalnum() else " " for one in self.title.lower()).split())


def _brain(number: int) -> Scan:
    path = f"t1w-brain-ds002748/train-1mm/sub-{number}_T1w.nii.gz"
    return Scan(path, f"ds002748-{number}", f"sub-{number}_T1w")


def _published_brain(number: int) -> Scan:
    path = f"t1w-brain-ds002748/original/sub-{number}/anat/sub-{number}_T1w.nii.gz"
    return Scan(path, f"ds002748-{number}", f"sub-{number}_T1w_as-published")


def _head(number: str, contrast: str) -> Scan:
    path = f"head-ds000011/sub-{number}/anat/sub-{number}_{contrast}.nii.gz"
    return Scan(path, f"ds000011-{number}", f"head-{number}_{contrast}")


def _ms_mni(contrast: str) -> Scan:
    path = f"ms-patient26/{contrast}_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz"
    return Scan(path, "lesjak-26", f"patient26_{contrast}", "lesion-masks/ms-mni/patient26_lesions.nii.gz")


def _ms_raw(number: str, contrast: str) -> Scan:
    path = (
        f"ms-patient12-raw/study1_{contrast}.nii.gz"
        if number == "12"
        else f"ms-raw/patient{number}/{contrast}.nii.gz"
    )
    return Scan(path, f"lesjak-{number}", f"patient{number}_{contrast}")


def _sarcoma(folder: str, number: str, contrast: str) -> Scan:
    path = f"{folder}/STS_{number}/{contrast}"
    return Scan(f"{path}_image.nii.gz", f"sts-{number}", f"STS_{number}_{contrast}", f"{path}_mask.nii.gz")


_XA30: Final = "dicom/mr-enhanced-xa30/In"
_MOSAIC: Final = "dicom/mr-mosaic/In/Orientation"

GROUPS: Final = (
    Group(
        "T1w brain",
        "brain-extracted T1-weighted MRI, 1 mm (OpenNeuro ds002748)",
        tuple(_brain(number) for number in (37, 38, 39, 40, 64, 68, 72)),
        "brains",
    ),
    Group(
        "T1w brain, 0.87 mm",
        "two others of the same cohort as published: 288 x 288 x 181 voxels of 0.87 x 0.87 x 1 mm",
        (_published_brain(51), _published_brain(52)),
        "heads",
    ),
    Group(
        "T1w head",
        "T1-weighted MRI of a head, 1 x 1.33 x 1.33 mm (OpenfMRI ds000011)",
        tuple(_head(number, "T1w") for number in ("01", "12", "13")),
        "heads",
    ),
    Group(
        "T2w head",
        "T2-weighted MRI of the same heads, slices of 5 mm",
        tuple(_head(number, "inplaneT2") for number in ("01", "12", "13")),
        "heads",
    ),
    Group(
        "T1w head, DICOM",
        "T1-weighted MRI of a head, 2 mm, with and without correction of the coil's profile, enhanced DICOM "
        "(dcm_qa_xa30)",
        (
            Scan(
                f"{_XA30}/5_anat-T1w_acq-tfl/0001_1.3.12.2.1107.5.2.43.67093.2022071112080825794102791.dcm",
                "dcm_qa_xa30",
                "xa30-5_T1w",
            ),
            Scan(
                f"{_XA30}/6_anat-T1w_acq-tfl/0001_1.3.12.2.1107.5.2.43.67093.2022071112080827673202793.dcm",
                "dcm_qa_xa30",
                "xa30-6_T1w",
            ),
        ),
        "heads",
    ),
    Group(
        "EPI head, DICOM",
        "echo-planar MRI of a head, 2.7 to 3.6 mm, axial, coronal and sagittal, Siemens mosaics (dcm_qa)",
        (
            Scan(
                f"{_MOSAIC}/ax/axasc35/MR.1.3.12.2.1107.5.2.32.35131.2014031012493950715786673",
                "dcm_qa",
                "mosaic-axial",
            ),
            Scan(f"{_MOSAIC}/axmb/AxInt36mb/jp2k1.dcm", "dcm_qa", "mosaic-axial-multiband"),
            Scan(
                f"{_MOSAIC}/cor/corasc35/MR.1.3.12.2.1107.5.2.32.35131.2014031012570555283988916",
                "dcm_qa",
                "mosaic-coronal",
            ),
            Scan(
                f"{_MOSAIC}/sag/sagasc35/MR.1.3.12.2.1107.5.2.32.35131.2014031013000537156690252",
                "dcm_qa",
                "mosaic-sagittal",
            ),
        ),
        "heads",
    ),
    Group(
        "FLAIR",
        "FLAIR of a brain with multiple sclerosis, 1 mm, holes outside the lesions (Lesjak 2017)",
        (_ms_mni("FLAIR"),),
        "heads",
    ),
    Group("T1w with lesions", "T1-weighted MRI of the same brain", (_ms_mni("T1"),), "heads"),
    Group("T2w with lesions", "T2-weighted MRI of the same brain", (_ms_mni("T2"),), "heads"),
    Group(
        "FLAIR head, oblique",
        "FLAIR of heads with multiple sclerosis, oblique slices of 3 mm as acquired, lesions unmarked (Lesjak)",
        (_ms_raw("04", "FLAIR"), _ms_raw("12", "FLAIR")),
        "heads",
    ),
    Group(
        "T1w head, oblique",
        "T1-weighted MRI of one of these heads, slices of 3 mm",
        (_ms_raw("12", "T1W"),),
        "heads",
    ),
    Group(
        "T2w head, oblique",
        "T2-weighted MRI of these heads, slices of 3.3 mm",
        (_ms_raw("04", "T2W"), _ms_raw("12", "T2W")),
        "heads",
    ),
    Group(
        "T1w limbs",
        "T1-weighted MRI of thighs, shoulder and buttocks, slices of 3.3 mm, holes outside the tumour "
        "(Soft-tissue-Sarcoma)",
        (
            *(_sarcoma("mr-t1-sts", number, "MR_T1") for number in ("034", "036", "038", "039")),
            _sarcoma("ct-mr-sts", "001", "MR_T1"),
        ),
    ),
    Group(
        "T1w thigh, DICOM",
        "T1-weighted MRI of a thigh, 0.39 mm, slices of 5.2 mm, with its tumour, DICOM (Soft-tissue-Sarcoma)",
        (Scan("dicom/mr-thigh-sts-001/image", "sts-001", "STS_001_dicom"),),
    ),
    Group(
        "CT limbs",
        "CT of legs, slices of 3.3 mm, holes outside the tumour (Soft-tissue-Sarcoma)",
        tuple(_sarcoma("ct-mr-sts", number, "CT") for number in ("001", "032", "035")),
    ),
    Group(
        "CT abdomen, DICOM",
        "CT of an abdomen, slices of 5 mm, with its metastases, DICOM (Colorectal-Liver-Metastases)",
        (Scan("dicom/ct-liver-crlm-1004/image", "crlm-1004", "crlm-1004_CT", above=-500.0),),
    ),
)
"""The padding of the abdomen's series is darker than its air, which the package's threshold takes for tissue."""


def groups_named(names: list[str]) -> tuple[Group, ...]:
    """Return the groups of these names, or all of them without names.

    Raises:
        SystemExit: an unknown name.
    """
    known = {group.name: group for group in GROUPS}
    unknown = [name for name in names if name not in known]
    if unknown:
        message = f"expected groups among {', '.join(known)}, got {', '.join(unknown)}"
        raise SystemExit(message)
    return tuple(known[name] for name in names) or GROUPS


def group_of(row: Row) -> Group:
    """Return which group the scan of a row is in.

    Raises:
        SystemExit: it is in none.
    """
    for group in GROUPS:
        if any((scan.name, scan.person) == (row.scan, row.person) for scan in group.scans):
            return group
    message = f"expected a scan of benchmarks/engine_scans.py, got {row.scan} of {row.person}: measure again"
    raise SystemExit(message)


def clean_of(scan: Scan, data: Path) -> Clean:
    """Read a scan below `data`, with the tissue in which holes may lie.

    Raises:
        InputError: the scan cannot be read.
    """
    avoid = data / scan.avoid if scan.avoid else None
    clean = read_clean(Subject.of(data / scan.path, scan=scan.name, person=scan.person, avoid=avoid))
    if scan.above is None:
        return clean
    bright = np.nan_to_num(clean.truth, nan=-np.inf) > scan.above
    return replace(clean, tissue=clean.tissue & body(bright, clean.volume.spacing_mm))


@cache
def trained_on() -> frozenset[str]:
    """Return the hashes of the scans that a shipped network was trained or chosen on."""
    shipped = files("medpaint.engines.learned") / "shipped"
    records = [json.loads((shipped / f"{name}.json").read_text(encoding="utf-8")) for name in NETWORKS]
    return frozenset(scan["sha256"] for record in records for scan in record["scans"])
