"""The choice of a volume in a file or series."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Selection"]


class Selection(BaseModel):
    """The volume to read, where a file or folder holds several, and whether its absent slices are put back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: int | None = Field(None, ge=0, description="Frame of a 4D scan to restore, counted from 0.")
    series: str | None = Field(None, description="Series (UID) to restore, for a folder that holds several.")
    absent_slices: bool = Field(
        default=False,
        description="Put slices that are absent from within a DICOM series back, as a gap that is filled.",
    )

    def in_product(self) -> Selection:
        """Return how the same volume is selected in a product.

        A product has the source's frames. Its series is new and has no absent slices; which volume of the series
        was restored, such as ``#echo-time=4.92``, stays.
        """
        return self.model_copy(update={"series": self._part, "absent_slices": False})

    def without_uid(self) -> Selection:
        """Return what selects the same volume within its series; the identifier of the series is left out."""
        return self.model_copy(update={"series": self._part})

    @property
    def _part(self) -> str | None:
        """What selects a volume within its series."""
        part = (self.series or "").partition("#")[2]
        return f"#{part}" if part else None
