"""De-identified products: the Basic Profile, with identifiers derived from a secret."""

from __future__ import annotations

import pkgutil
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom, validator_errors
from dicomanonymizer import dicom_anonymization_databases
from pydicom import Dataset, FileDataset
from pydicom.uid import CTImageStorage

from medpaint.audit.verify import verify
from medpaint.core.errors import UsageError
from medpaint.io.dicom.deidentified import EDITION
from medpaint.io.private import keyed_name
from medpaint.pipeline.case import Restoration
from medpaint.pipeline.restore import restore

MARKER = "QZXJ"

NAMED = (
    "PatientName", "PatientID", "AccessionNumber", "InstitutionName", "InstitutionAddress", "OtherPatientNames",
    "OperatorsName", "PerformingPhysicianName", "StationName", "StudyDescription", "PatientComments", "StudyID",
    "ImageComments", "RequestingPhysician", "DeviceSerialNumber", "ProtocolName", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that the profile removes, empties or replaces."""


def marked(dataset: FileDataset, _index: int) -> None:
    for keyword in NAMED:
        setattr(dataset, keyword, MARKER)
    dataset.PatientBirthDate, dataset.StudyDate = "19010203", "20190203"
    item = Dataset()
    item.RequestedProcedureDescription, item.PerformingPhysicianName = MARKER, MARKER
    dataset.RequestAttributesSequence = [item]
    other, code = Dataset(), Dataset()
    other.ReferencedSOPClassUID, other.ReferencedSOPInstanceUID = CTImageStorage, "1.2.3.777"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning, code.ContextUID = (
        "1",
        "99X",
        MARKER,
        "1.2.3.778",
    )
    dataset.ReferencedInstanceSequence, dataset.AcquisitionContextSequence = [other], [code]
    dataset.AnatomicRegionSequence = [item]
    dataset.add_new((0x0009, 0x0010), "LO", f"{MARKER} CREATOR")
    dataset.add_new((0x0009, 0x1001), "LT", MARKER)


LINE = "nobody guesses this line"


def key(folder: Path, line: str = LINE) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "key"
    path.write_text(line)
    path.chmod(0o600)
    return str(path)


def restored(folder: Path, *, line: str = LINE, **options: Any) -> Restoration:
    Phantom(shape=(12, 14, 6), orientation=OBLIQUE, change=marked).write(folder / "scan")
    mask = np.zeros((14, 12, 6), bool)
    mask[4:8, 3:8, 2:4] = True
    where = key(folder, line)
    return restore(folder / "scan", mask, output=folder / "out", engine="nearest", deidentify=where, **options)


def written(done: Restoration) -> list[FileDataset]:
    assert done.products is not None
    return [pydicom.dcmread(file) for file in sorted(done.products.restored.iterdir())]


def test_products_are_deidentified(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert done.products is not None
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(files) == 6 + 3
    for file in files:
        content = file.read_bytes()
        assert MARKER.encode() not in content, file
        assert b"19010203" not in content
        assert b"20190203" not in content
    for dataset in [*written(done), pydicom.dcmread(done.products.segmentation)]:
        assert dataset.PatientIdentityRemoved == "YES"
        assert "Basic Profile" in dataset.DeidentificationMethod
        assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_the_newest_list_of_attributes_that_the_library_has_is_used() -> None:
    names = [module.name for module in pkgutil.iter_modules(dicom_anonymization_databases.__path__)]
    assert max(names) == f"dicomfields_{EDITION}"


def test_the_record_names_the_profile_and_its_edition(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert done.record.read is not None
    assert done.record.read.facts["deidentified_by"] == f"DICOM PS3.15 {EDITION} Basic Profile"


def test_voxels_and_geometry_are_those_of_the_scan(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert done.products is not None
    assert not verify(done.products.record).problems
    phantom = Phantom(shape=(12, 14, 6), orientation=OBLIQUE)
    np.testing.assert_allclose([one.ImagePositionPatient for one in written(done)], phantom.places(), atol=1e-6)


def test_identifiers_are_replaced_consistently(tmp_path: Path) -> None:
    done = restored(tmp_path)
    sources = [pydicom.dcmread(file) for file in sorted((tmp_path / "scan").iterdir())]
    old = {
        str(value)
        for one in sources
        for value in (one.SOPInstanceUID, one.SeriesInstanceUID, one.StudyInstanceUID, one.FrameOfReferenceUID)
    }
    new = written(done)
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file() and file.suffix == ".dcm":
            found = {str(element.value) for element in pydicom.dcmread(file).iterall() if element.VR == "UI"}
            assert not found & old
            assert "1.2.840.10008.5.1.4.1.1.2" in found
    assert len({one.StudyInstanceUID for one in new}) == 1
    assert len({one.FrameOfReferenceUID for one in new}) == 1
    assert done.record.read is not None
    assert done.record.read.facts["series_uid"] not in old


def test_identifiers_depend_on_the_secret(tmp_path: Path) -> None:
    def identifiers(folder: str, line: str) -> list[str]:
        first = written(restored(tmp_path / folder, line=line))[0]
        found = [str(element.value) for element in first.iterall() if element.VR == "UI"]
        return [uid for uid in found if uid and not uid.startswith("1.2.840.10008.")]

    first, again, other = (identifiers(*one) for one in (("a", LINE), ("b", LINE), ("c", LINE[::-1])))
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_the_products_are_valid(tmp_path: Path) -> None:
    done = restored(tmp_path)
    assert done.products is not None
    source = {line for file in (tmp_path / "scan").iterdir() for line in validator_errors(file)}
    for file in [*done.products.restored.iterdir(), done.products.segmentation]:
        assert not validator_errors(file) - source


def test_a_weak_or_readable_secret_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a secret of 16 characters or more, got 5"):
        restored(tmp_path, line="short")
    assert not (tmp_path / "out").exists()
    path = Path(key(tmp_path / "open"))
    path.chmod(0o640)
    with pytest.raises(UsageError, match="only its owner can read"):
        restore(tmp_path / "scan", output=tmp_path / "out", deidentify=str(path))


def test_unnamed_products_are_named_by_a_keyed_hash(tmp_path: Path) -> None:
    Phantom(shape=(12, 13, 5)).write(tmp_path / "DOE^JANE")
    mask = np.zeros((13, 12, 5), bool)
    mask[4:6, 4:6, 2] = True
    restore(tmp_path / "DOE^JANE", mask, output=tmp_path / "out", engine="nearest", deidentify=key(tmp_path))
    expected = keyed_name(LINE.encode(), "1.2.3.4")
    assert expected != keyed_name(b"somebody knows this line", "1.2.3.4")
    assert {path.name.removeprefix(expected) for path in (tmp_path / "out").iterdir()} == {
        "_restored", "_mask.nii.gz", "_mask.dcm", "_record.json"
    }  # fmt: skip


def test_different_people_get_different_identifiers(tmp_path: Path) -> None:
    found = []
    for number, patient in enumerate(("P1", "P2", "P1")):

        def change(dataset: FileDataset, _index: int, patient: str = patient) -> None:
            dataset.PatientID = patient

        folder = tmp_path / str(number)
        Phantom(shape=(12, 13, 5), change=change).write(folder / "scan")
        mask = np.zeros((13, 12, 5), bool)
        mask[4:6, 4:6, 2] = True
        done = restore(folder / "scan", mask, output=folder / "out", engine="nearest", deidentify=key(folder))
        found.append(
            {str(one.PatientID) for one in written(done)} | {str(one.PatientName) for one in written(done)}
        )
    assert [len(names) for names in found] == [1, 1, 1]
    assert found[0] == found[2] != found[1]
    assert not found[0] & {"P1", ""}
