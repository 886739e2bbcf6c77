"""The choice of one volume in a folder, file or archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from medpaint.core.errors import AmbiguousError, InputError, UnreadableError
from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.inventory import Inventory
from medpaint.io.dicom.parts import Part, chosen_part, parts_of, split_name
from medpaint.io.dicom.shown import shown_uid

__all__ = ["chosen", "refuse_damaged"]


def refuse_damaged(inventory: Inventory, path: Path) -> None:
    """Refuse a folder with damaged files: a slice could be among them."""
    if inventory.damaged:
        file, reason = next(iter(inventory.damaged.items()))
        count = len(inventory.damaged)
        message = (
            f"expected intact DICOM files in {path}, got {count} damaged or unreadable, such as {file}: {reason}"
        )
        raise UnreadableError(message)


def chosen(groups: Mapping[str, Sequence[Header]], path: Path, name: str | None) -> Part:
    """Return the selected volume."""
    if not groups:
        message = f"expected DICOM images, found none: {path}"
        raise UnreadableError(message)
    uid, words = split_name(name or "", groups)
    headers = _chosen_series(groups, path, uid)
    if words:
        return chosen_part(headers, words, in_product=not uid)
    parts = parts_of(headers)
    if len(parts) > 1:
        named = "; ".join(f"{part.name} ({len(part.assessment.headers)} slices)" for part in parts)
        message = (
            f"expected one volume in {path}, found {len(parts)} in one series, choose one with --series: {named}"
        )
        message += f"; {parts[0].note}" if parts[0].note else ""
        raise AmbiguousError(message)
    return parts[0]


def _chosen_series(groups: Mapping[str, Sequence[Header]], path: Path, uid: str) -> Sequence[Header]:
    """Return the headers of the selected series; by default the only one with images."""
    if uid:
        if uid not in groups:
            message = f"expected series {uid} in {path}, found {_listed(groups)}"
            raise InputError(message)
        return groups[uid]
    images = {uid: headers for uid, headers in groups.items() if any(header.rows for header in headers)}
    if len(images or groups) > 1:
        found = images or groups
        message = f"expected one series in {path}, found {len(found)}, choose one with --series: {_listed(found)}"
        raise AmbiguousError(message)
    return next(iter((images or groups).values()))


def _listed(groups: Mapping[str, Sequence[Header]]) -> str:
    """List series without private data: UID, modality, number and size of their images."""
    return "; ".join(
        f"{shown_uid(uid)} "
        f"({headers[0].modality or 'no modality'}, {len({one.path for one in headers})} instances, "
        f"{headers[0].rows}x{headers[0].columns})"
        for uid, headers in groups.items()
    )
