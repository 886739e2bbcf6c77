"""Objects without pixels among the images of a series, such as a vendor's own data: named, and left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medpaint.io.dicom.classes import IMAGE_CLASSES, class_name
from medpaint.io.dicom.headers import Header

__all__ = ["images_among"]


def images_among(headers: Sequence[Header]) -> list[Header]:
    """Return the headers of a series without objects that have no pixels and are of no class of images.

    The others have a note that names the classes of what was left out. A series without images is returned whole.
    """
    images = [header for header in headers if header.has_pixels or header.sop_class in IMAGE_CLASSES]
    if len(images) == len(headers) or not any(header.sop_class in IMAGE_CLASSES for header in images):
        return list(headers)
    kept = set(map(id, images))
    left_out = Counter(class_name(header.sop_class) for header in headers if id(header) not in kept)
    named = ", ".join(f"{count} of {name}" for name, count in left_out.items())
    note = f"the series has objects without pixels, which are left alone: {named}"
    return [replace(header, notes=(*header.notes, note)) for header in images]
