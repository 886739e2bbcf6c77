"""The record: one entry for each step, written once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from medpaint.parameters import FillParameters, MaskParameters, Parameters, WriteParameters
from medpaint.record.entries import BlendEntry, Draft, InpaintEntry, MaskEntry, ReadEntry, Record

READ = ReadEntry(
    path="scan.nii", sha256="0", kind="nifti", shape=(2, 3, 4), spacing_mm=(1.0, 1.0, 1.0), dtype="int16"
)
MASK = MaskEntry(origin="array", voxels=7, warnings=("small",))
INPAINT = InpaintEntry(engine="harmonic", reason="as asked", windows=1)


def masked() -> Draft:
    """Return a draft up to the mask."""
    return Draft(read=READ, parameters=Parameters()).masked(MASK, MaskParameters(dilate_mm=2.0))


def test_each_step_adds_its_entry_and_its_parameters() -> None:
    draft = masked().inpainted(INPAINT, FillParameters(seed=5)).blended(BlendEntry(), WriteParameters(edge_mm=1.0))
    assert (draft.read, draft.mask, draft.inpaint) == (READ, MASK, INPAINT)
    assert draft.parameters.mask.dilate_mm == 2.0
    assert draft.parameters.fill.seed == 5
    assert draft.parameters.write.edge_mm == 1.0


def test_no_step_replaces_the_entry_of_another() -> None:
    draft = masked().inpainted(INPAINT, FillParameters()).blended(BlendEntry(), WriteParameters())
    with pytest.raises(ValueError, match="already has an entry of the step mask"):
        draft.masked(MASK, MaskParameters())
    with pytest.raises(ValueError, match="already has an entry of the step inpaint"):
        draft.inpainted(INPAINT, FillParameters())
    with pytest.raises(ValueError, match="already has an entry of the step blend"):
        draft.blended(BlendEntry(), WriteParameters())


def test_warnings_of_all_steps_are_found_in_one_place() -> None:
    read = READ.model_copy(update={"warnings": ("old",)})
    record = Record(status="restored", read=read, mask=MASK)
    assert record.warnings == ("old", "small")


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        Record.model_validate({"status": "restored", "colour": "red"})


def test_a_record_survives_a_round_trip_through_json() -> None:
    record = Record(status="restored", read=READ, mask=MASK, inpaint=INPAINT)
    assert Record.model_validate_json(record.to_json()) == record
