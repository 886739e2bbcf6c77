"""Words of NRRD and MetaImage headers that messages may quote; any other could name a person."""

from __future__ import annotations

from typing import Final

__all__ = ["FIELDS", "NRRD_WORDS", "SPACES"]

NRRD_WORDS: Final = frozenset(
    {
        *("signed", "unsigned", "char", "short", "int", "long", "longlong", "block", "float", "double"),
        *(f"{sign}int{bits}{end}" for sign in ("", "u") for bits in (8, 16, 32, 64) for end in ("", "_t")),
        *("raw", "txt", "text", "ascii", "hex", "gz", "gzip", "bz2", "bzip2"),
    }
)
"""Types of voxels and encodings of NRRD."""

FIELDS: Final = frozenset(
    {
        *(
            "type",
            "encoding",
            "dimension",
            "sizes",
            "endian",
            "datafile",
            "byteskip",
            "lineskip",
            "kinds",
            "labels",
        ),
        *("units", "spacings", "thicknesses", "centerings", "axismins", "axismaxs", "content", "measurementframe"),
        *("space", "spacedimension", "spacedirections", "spaceorigin", "spaceunits", "ndims", "dimsize"),
        *("objecttype", "elementtype", "elementdatafile", "elementspacing", "elementsize", "headersize", "offset"),
        *("position", "origin", "transformmatrix", "rotation", "orientation", "centerofrotation"),
        *("compresseddata", "compresseddatasize", "binarydata", "binarydatabyteordermsb", "elementbyteordermsb"),
        *("anatomicalorientation",),
    }
)
"""Names of fields, in lower case and without spaces."""

SPACES: Final = frozenset(
    f"{side}-{front}-superior{time}"
    for side in ("left", "right")
    for front in ("anterior", "posterior")
    for time in ("", "-time")
)
"""Spaces of NRRD that are named by their axes."""
