"""What the header of a compressed frame says about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Codestream", "Plane", "number", "value_limits"]


@dataclass(frozen=True)
class Codestream:
    """The image in a compressed frame, by the frame's own header.

    Attributes:
        kind: of compression, in words.
        rows: height in pixels.
        columns: width in pixels.
        samples: per pixel.
        precision: bits of a sample.
    """

    kind: str
    rows: int
    columns: int
    samples: int
    precision: int


@dataclass(frozen=True)
class Plane:
    """What a data set says about each of its frames: the attributes of these names.

    Attributes:
        rows: Rows.
        columns: Columns.
        samples: SamplesPerPixel.
        allocated: BitsAllocated.
        stored: BitsStored.
        signed: PixelRepresentation.
    """

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    signed: int

    @property
    def values(self) -> int:
        """Number of values of a frame."""
        return self.rows * self.columns * self.samples

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest value that BitsStored can represent."""
        return value_limits(self.stored, signed=bool(self.signed))


def value_limits(stored: int, *, signed: bool) -> tuple[int, int]:
    """Return the smallest and largest value that a number of bits can represent."""
    count = 2**stored
    return (-count // 2, count // 2 - 1) if signed else (0, count - 1)


def number(content: bytes, at: int, size: int) -> int:
    """Return the big-endian number in `size` bytes.

    Raises:
        ValueError: the content ends before.
    """
    if at + size > len(content):
        message = "it ends in its header"
        raise ValueError(message)
    return int.from_bytes(content[at : at + size], "big")
