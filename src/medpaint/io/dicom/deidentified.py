"""De-identification of datasets by the Basic Profile of DICOM PS3.15, annex E."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from pydicom import Dataset
from pydicom.uid import UID

from medpaint.__about__ import __version__
from medpaint.core.errors import UnsupportedError
from medpaint.io.dicom.derived import UID_ROOT
from medpaint.io.dicom.mosaic import is_mosaic
from medpaint.io.dicom.parsing import coded, text
from medpaint.io.private import keyed_name

__all__ = ["EDITION", "PROFILE", "deidentify", "replaced_uid"]

EDITION: Final = "2026c"
"""Edition of the standard whose list of attributes is used, the newest that the library has."""

PROFILE: Final = f"DICOM PS3.15 {EDITION} Basic Profile"

_STANDARD: Final = "1.2.840.10008."
"""Prefix of identifiers assigned by the standard itself: classes and syntaxes, never instances."""

_NO_DATE: Final = {"DA": "19000101", "DT": "19000101000000"}
"""Replacement for required dates: the library's own, in the year 1, is refused by validators."""

_Actions = Mapping[tuple[int, ...], Callable[[Dataset, tuple[int, ...]], None]]


def replaced_uid(uid: str, secret: bytes) -> UID:
    """Return the identifier that replaces another; without the secret, the old one cannot be found from it.

    It has the form 2.25 and a name-based UUID (DICOM PS3.5, B.2), made of an HMAC-SHA-256 of the old one.
    """
    if uid.startswith(_STANDARD) or not uid:
        return UID(uid)
    digest = hmac.digest(secret, uid.encode(), "sha256")
    return UID(f"{UID_ROOT}{uuid.UUID(bytes=digest[:16], version=5).int}")


def deidentify(dataset: Dataset, secret: bytes) -> None:
    """Remove or replace what the Basic Profile lists, and everything private, in place.

    Identifiers of instances, series, studies, frames of reference and patients are replaced by others derived from
    them and the secret, so that what belonged together still does. Pixels are not examined: annotations burnt into
    them stay.

    Args:
        dataset: an image.
        secret: held by those who may re-identify the patient.

    Raises:
        UnsupportedError: a mosaic, which cannot be read without its private header.
    """
    if is_mosaic(dataset):
        message = "expected images that can be read without private attributes, got a Siemens mosaic"
        raise UnsupportedError(message)
    library: Any = import_module("dicomanonymizer.simpledicomanonymizer")
    actions = library.initialize_actions(f"dicomfields_{EDITION}")
    library.dictionary.clear()
    library.dictionary.update(_replacements(dataset, secret))
    patient = text(dataset, "PatientID") or text(dataset, "PatientName")
    try:
        _apply(library.anonymize_dataset, dataset, actions)
    finally:
        library.dictionary.clear()
    if patient:
        dataset.PatientID = dataset.PatientName = keyed_name(secret, patient, "patient")
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.DeidentificationMethod = f"medpaint {__version__}, {PROFILE}"
    dataset.DeidentificationMethodCodeSequence = [coded("113100", "Basic Application Confidentiality Profile")]


def _replacements(dataset: Dataset, secret: bytes) -> dict[str, str]:
    """Return the replacement of each identifier in a dataset; replacements and empty values map to themselves.

    The profile visits nested items more than once.
    """
    found: dict[str, str] = {}
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            found.update({str(value): str(replaced_uid(str(value), secret)) for value in values})
    return found | {new: new for new in found.values()} | {"": ""}


def _apply(anonymise: Callable[..., None], dataset: Dataset, actions: _Actions) -> None:
    """Apply the profile to a dataset and to all nested items that it leaves."""
    anonymise(dataset, base_rules_gen=lambda: dict(actions))
    for element in dataset:
        if element.VR in _NO_DATE and str(element.value).startswith("0001"):
            element.value = _NO_DATE[element.VR]
        if element.VR == "SQ":
            for item in element.value:
                _apply(anonymise, item, actions)
