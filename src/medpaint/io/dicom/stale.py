"""Attributes that describe pixels which have changed: removed, or brought up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom import DataElement, Dataset
from pydicom.tag import Tag

from medpaint.core.types import Array

__all__ = ["REMOVED", "REMOVED_PRIVATE", "Extremes", "remove_stale", "set_extremes"]

REMOVED: Final = (
    "IconImageSequence",  # a picture of the old pixels
    "HistogramSequence",  # distribution of the old pixels
    "DigitalSignaturesSequence",  # signs the old dataset
    "MACParametersSequence",  # belongs to the signatures
    "SOPInstanceStatus",  # the source was authorised, the derived image is not
    "SOPAuthorizationDateTime",
    "SOPAuthorizationComment",
    "AuthorizationEquipmentCertificationNumber",
    "InstanceOriginStatus",  # the source was imported
    "InstanceCreationDate",  # the source's; a new one would make each run's bytes differ
    "InstanceCreationTime",
    "InstanceCreatorUID",
    "DataSetTrailingPadding",
)
"""Attributes that are true of the source's instance but not of the derived one."""

REMOVED_PRIVATE: Final = (
    ("GEIIS", 0x0009, 0x10),  # thumbnail
    ("GEMS_PARM_01", 0x0043, 0x29),  # histogram tables
    ("GEMS_RELA_01", 0x0021, 0x07),  # checksum of the series' record
    ("GEMS_RELA_01", 0x0021, 0x19),  # checksum of the reconstruction's record
    ("MAROTECH Inc.", 0x0037, 0x21),  # rows of the icon
    ("MAROTECH Inc.", 0x0037, 0x22),  # its columns
    ("MAROTECH Inc.", 0x0037, 0x23),  # the icon
    ("PHILIPS MR/LAST", 0x0029, 0x30),  # scaled minimum
    ("PHILIPS MR/LAST", 0x0029, 0x40),  # scaled maximum
    ("SCHICK TECHNOLOGIES - Image Security Creator ID", 0x0029, 0x01),  # checksum of the image
    ("SPI-P Release 1;1", 0x0019, 0x06),  # smallest sample value
    ("SPI-P Release 1;1", 0x0019, 0x07),  # largest sample value
    ("SPI-P Release 1;1", 0x0019, 0x16),
    ("SPI-P Release 1;1", 0x0019, 0x17),
    ("VEPRO VIF 3.0 DATA", 0x0055, 0x30),  # icon
    ("VEPRO VIF 3.0 DATA", 0x0055, 0x65),  # hash of the image
    ("VEPRO VIM 5.0 DATA", 0x0055, 0x30),  # icon
    ("Voxar 2.16.124.113543.6003.1999.12.20.12.5.0", 0x1135, 0x02),  # icon
)
"""Private attributes that are known to be stale likewise: creator, group and element.

After the dictionary of pydicom, which has those that vendors and others have published. All others stay: they
describe the acquisition, or something unknown.
"""


@dataclass(frozen=True)
class Extremes:
    """Smallest and largest stored value."""

    smallest: int
    largest: int


def remove_stale(dataset: Dataset) -> None:
    """Remove the attributes in `REMOVED` and `REMOVED_PRIVATE`, which are not true of a derived image."""
    for keyword in REMOVED:
        if keyword in dataset:
            del dataset[keyword]
    for creator, group, element in REMOVED_PRIVATE:
        try:
            block = dataset.private_block(group, creator)
        except KeyError:
            continue
        if element in block:
            del block[element]


def set_extremes(dataset: Dataset, values: Array, series: Extremes) -> None:
    """Update the smallest and largest values that a dataset states; add none."""
    own = Extremes(int(values.min()), int(values.max()))
    stated = {
        "SmallestImagePixelValue": own.smallest,
        "LargestImagePixelValue": own.largest,
        "SmallestPixelValueInSeries": series.smallest,
        "LargestPixelValueInSeries": series.largest,
    }
    vr, lowest, highest = ("SS", -(2**15), 2**15 - 1) if dataset.PixelRepresentation else ("US", 0, 2**16 - 1)
    for keyword, value in stated.items():
        if keyword not in dataset:
            continue
        if lowest <= value <= highest:
            dataset[keyword] = DataElement(Tag(keyword), vr, value)
        else:
            del dataset[keyword]
