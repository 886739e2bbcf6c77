"""Parsing of bytes to pydicom datasets, and of attributes to plain values; many exceptions become one."""

from __future__ import annotations

import hashlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final, TypeGuard

import numpy as np
from pydicom import Dataset, FileDataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from medpaint.core.errors import InputError, UnreadableError
from medpaint.io.archive import File
from medpaint.io.dicom.deflated import check_inflation
from medpaint.io.shortage import memory_for

__all__ = [
    "LABEL_MAP_STORAGE",
    "PARSE_ERRORS",
    "PRIVATE_BLOCKS",
    "Contradiction",
    "cause",
    "coded",
    "integer",
    "invalid_refused",
    "is_implicit",
    "numbers",
    "numbers_of",
    "parsed",
    "private_numbers",
    "quiet",
    "stored_values",
    "text",
    "transfer_syntax_of",
    "unchanged",
    "words",
]

PARSE_ERRORS: Final = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Exceptions of pydicom and its decoders for damaged files; they have no common base. A damaged length can ask for
more memory than the machine has."""


class Contradiction(ValueError):  # noqa: N818 - what it is about
    """A data set that contradicts itself; the message is written here, and quotes nobody."""


_WORDS: Final = {"US", "SS"}
"""VRs of attributes whose values are stored values: the same 16 bits, unsigned or signed."""

PRIVATE_BLOCKS: Final = range(0x10, 0x18)
"""Private blocks of a group that are looked at; creators reserve them from the first on."""

LABEL_MAP_STORAGE: Final = UID("1.2.840.10008.5.1.4.1.1.66.7")
"""Label Map Segmentation Storage, which pydicom has no name for yet."""


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress pydicom's warnings: they quote values, which may be names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parsed(content: bytes, path: File) -> FileDataset:
    """Return the dataset in the bytes of a file, its transfer syntax always stated.

    Raises:
        UnreadableError: not a DICOM file, damaged, or deflated to an implausible degree.
    """
    try:
        with memory_for(len(content), path):
            stream = BytesIO(content)
            check_inflation(stream, path)
            dataset = dcmread(stream, force=True)
        dataset.file_meta.TransferSyntaxUID = transfer_syntax_of(dataset)
    except PARSE_ERRORS as error:
        message = f"expected a DICOM file, got one that cannot be parsed ({cause(error)}): {path}"
        raise UnreadableError(message) from error
    return dataset


@contextmanager
def invalid_refused(path: File) -> Iterator[None]:
    """Refuse a file over whose attributes the library fails as they are changed or written.

    Raises:
        UnreadableError: it has invalid attributes.
    """
    try:
        yield
    except OSError:
        raise
    except PARSE_ERRORS as error:
        message = (
            f"expected attributes that can be written back as DICOM, got invalid ones ({cause(error)}): {path}"
        )
        raise UnreadableError(message) from error


def cause(error: BaseException) -> str:
    """Return what kind of error a library had, and which attribute it missed; its message may quote values.

    An error of the operating system is named by its number; of our own the message is given.
    """
    if isinstance(error, Contradiction):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    kind, missing = type(error).__name__, getattr(error, "name", None)
    return f"{kind}: {missing}" if isinstance(missing, str) and missing.isidentifier() else kind


def unchanged(file: File, digest: str) -> bytes:
    """Return the bytes of a file that has not changed since it was read.

    Raises:
        InputError: it has changed.
        UnreadableError: it is gone.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        message = f"expected the file that was read, but it is gone: {file}"
        raise UnreadableError(message) from error
    if hashlib.sha256(content).hexdigest() != digest:
        message = f"expected the file that was read, got one that has changed since: {file}"
        raise InputError(message)
    return content


def transfer_syntax_of(dataset: FileDataset) -> UID:
    """Return the stated transfer syntax, or the one by which a file was parsed that states none or a wrong one."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    plain = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    if stated in plain:
        return plain[not is_implicit(dataset)]
    if stated:
        return UID(stated)
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def is_implicit(dataset: FileDataset) -> bool:
    """Return whether a file was parsed as Implicit VR, which its meta header may contradict."""
    for tag in dataset.keys():  # noqa: SIM118 - a dataset iterates over elements, and parses them
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            return element.is_implicit_VR
    return bool(dataset.original_encoding[0])


def coded(value: str, meaning: str) -> Dataset:
    """Return a code of the DICOM controlled terminology (PS3.16)."""
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning
    return code


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return `count` finite numbers, or None where the attribute is absent, malformed or of another length."""
    found = numbers_of(dataset, keyword)
    return found if len(found) == count else None


def numbers_of(dataset: Dataset, key: str | BaseTag) -> tuple[float, ...]:
    """Return finite numbers, however many; none where the attribute is absent or malformed."""
    try:
        value = dataset.get(key) if isinstance(key, str) else dataset[key].value
        found = tuple(float(part) for part in (value if _is_many(value) else [value]))
    except PARSE_ERRORS:
        return ()
    return found if np.isfinite(found).all() else ()


def private_numbers(
    dataset: Dataset, creator: str, group: int, elements: Sequence[int]
) -> tuple[tuple[float, ...], ...]:
    """Return the finite numbers in each of some elements of a private block; none where the block is absent."""
    for block in PRIVATE_BLOCKS:
        tag = Tag(group, block)
        if tag in dataset and _creator(dataset, tag) == creator:
            return tuple(numbers_of(dataset, Tag(group, block << 8 | element)) for element in elements)
    return ()


def _creator(dataset: Dataset, tag: BaseTag) -> str:
    """Return who reserved a private block; empty where that is malformed."""
    try:
        return str(dataset[tag].value).strip()
    except PARSE_ERRORS:
        return ""


def integer(dataset: Dataset, keyword: str, default: int) -> int:
    """Return a whole number, or `default` where the attribute is absent or malformed."""
    found = numbers(dataset, keyword, 1)
    return default if found is None else int(found[0])


def stored_values(dataset: Dataset, keyword: str, signed: int) -> tuple[float, ...] | None:
    """Return the one stored value that an attribute of VR US or SS names; None where it is absent or malformed.

    The two VRs are the same 16 bits. PixelRepresentation says which of them is right (DICOM PS3.5, 6.2), and
    writers that state the other one mean the same bits.

    Args:
        dataset: the image, or an item in it.
        keyword: the attribute.
        signed: PixelRepresentation of the image.
    """
    found = numbers(dataset, keyword, 1)
    if found is None or dataset[keyword].VR not in _WORDS or not -(2**15) <= found[0] < 2**16:
        return found
    word = int(found[0]) % 2**16
    return (float(word - 2**16 if signed and word >= 2**15 else word),)


def text(dataset: Dataset, keyword: str) -> str:
    """Return a coded word or UID; empty where the attribute is absent or malformed."""
    found = words(dataset, keyword)
    return found[0] if found else ""


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Return all values of a coded word; empty where the attribute is absent or malformed."""
    try:
        value = dataset.get(keyword)
    except PARSE_ERRORS:
        return ()
    if _is_many(value):
        return tuple(str(part) for part in value)
    return () if value is None else (str(value),)


def _is_many(value: object) -> TypeGuard[MultiValue[Any] | list[Any] | tuple[Any, ...]]:
    """Return whether an attribute has several values."""
    return isinstance(value, MultiValue | list | tuple)
