"""Volumes of one series: told apart by the direction of diffusion, or only by the order of their slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom
from multiframe_phantom import enhanced
from pydicom import Dataset, FileDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medpaint.core.errors import AmbiguousError, GeometryError, InputError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.source import Derivation

SLICES = 4
DIRECTIONS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -0.6, 0.8))

Change = Callable[[FileDataset, int, int], None]
"""Called with a dataset, the number of its volume and that of its slice."""


def by_volume(dataset: FileDataset, volume: int, k: int) -> None:
    """Number the instances volume by volume."""
    dataset.InstanceNumber = volume * SLICES + k + 1


def by_position(dataset: FileDataset, volume: int, k: int) -> None:
    """Number the instances position by position, from the last slice to the first."""
    dataset.InstanceNumber = (SLICES - 1 - k) * 3 + volume + 1


def unnumbered(dataset: FileDataset, _volume: int, _k: int) -> None:
    """Give all instances one number."""
    dataset.InstanceNumber = 1


def write(
    folder: Path, *changes: Change, volumes: int = 3, syntax: UID = ExplicitVRLittleEndian, modality: str = "MR"
) -> None:
    """Write a series of several volumes, whose voxels differ in one bit."""
    for volume in range(volumes):

        def change(dataset: FileDataset, k: int, volume: int = volume) -> None:
            dataset.SOPInstanceUID = UID(f"1.2.3.4.{volume + 1}.{k + 1}")
            dataset.PixelData = (np.frombuffer(dataset.PixelData, np.uint16) ^ volume).tobytes()
            for one in changes:
                one(dataset, volume, k)

        Phantom(modality=modality, dtype="uint16", syntax=syntax, change=change).write(folder / str(volume))


def volumes_of(folder: Path) -> dict[str, set[str]]:
    """Return the folders that the slices of each listed volume lie in, by what the volume is called."""
    found = {}
    for one in list_series(folder):
        assert one.restorable, one.reason
        _, source = read_series(folder, series=one.series)
        found[one.series.partition("#")[2]] = {file.parent.name for file in source.files}
    return found


def standard(dataset: FileDataset, volume: int, _k: int) -> None:
    """State the direction as the standard has it."""
    dataset.DiffusionBValue, dataset.DiffusionGradientOrientation = 1000.0, list(DIRECTIONS[volume])


def siemens(dataset: FileDataset, volume: int, _k: int) -> None:
    """State it as Siemens does, in another block than the first."""
    dataset.add_new(0x00190010, "LO", "SOMEONE ELSE")
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0E, "FD", list(DIRECTIONS[volume]))


def ge(dataset: FileDataset, volume: int, _k: int) -> None:
    """State it as GE does."""
    block = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
    for element, value in zip((0xBB, 0xBC, 0xBD), DIRECTIONS[volume], strict=True):
        block.add_new(element, "DS", str(value))
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", ["1000001000", "8", "0", "0"])


def philips(dataset: FileDataset, volume: int, _k: int) -> None:
    """State it as Philips does."""
    dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", 1000.0)
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    for element, value in zip((0xB0, 0xB1, 0xB2), DIRECTIONS[volume], strict=True):
        block.add_new(element, "FL", value)


def canon(dataset: FileDataset, volume: int, _k: int) -> None:
    """State it as Canon does."""
    dataset.DiffusionBValue = 1000.0
    dataset.ImageComments = f"b=1000({','.join(f'{value:.3f}' for value in DIRECTIONS[volume])})"


@pytest.mark.parametrize("change", [standard, siemens, ge, philips, canon])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_directions_of_diffusion_tell_volumes_apart(tmp_path: Path, change: Change, syntax: UID) -> None:
    write(tmp_path, change, unnumbered, syntax=syntax)
    names = [f"gradient={'/'.join(f'{value:.3f}' for value in direction)}" for direction in DIRECTIONS]
    assert volumes_of(tmp_path) == {name: {str(number)} for number, name in enumerate(names)}


@pytest.mark.parametrize(("change", "attribute"), [(siemens, "1000"), (ge, "1000"), (philips, "1000")])
def test_b_values_of_vendors_tell_volumes_apart(tmp_path: Path, change: Change, attribute: str) -> None:
    def only_first(dataset: FileDataset, volume: int, k: int) -> None:
        if volume == 0:
            change(dataset, 0, k)
            for element in list(dataset.group_dataset(0x0019)) + list(dataset.group_dataset(0x2005)):
                if element.tag.element & 0xFF in {0x0E, 0xB0, 0xB1, 0xB2, 0xBB, 0xBC, 0xBD}:
                    del dataset[element.tag]

    write(tmp_path, only_first, unnumbered, volumes=2)
    assert volumes_of(tmp_path) == {f"b-value={attribute}": {"0"}, "b-value=": {"1"}}


def test_a_comment_of_another_form_is_not_taken_for_a_direction(tmp_path: Path) -> None:
    def change(dataset: FileDataset, volume: int, _k: int) -> None:
        dataset.ImageComments = f"Name of someone, b=1000({volume},0,0)"

    write(tmp_path, change, by_volume)
    assert set(volumes_of(tmp_path)) == {f"instance-number-order={number}" for number in (1, 2, 3)}


def test_directions_of_an_enhanced_image_tell_volumes_apart(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm", echoes=2)
    dataset = pydicom.dcmread(tmp_path / "e.dcm")
    for number, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        del item.MREchoSequence
        diffusion, direction = Dataset(), Dataset()
        direction.DiffusionGradientOrientation = list(DIRECTIONS[number // SLICES])
        diffusion.DiffusionBValue, diffusion.DiffusionGradientDirectionSequence = 1000.0, [direction]
        item.MRDiffusionSequence = [diffusion]
    dataset.save_as(tmp_path / "e.dcm")
    names = [found.series.partition("#")[2] for found in list_series(tmp_path / "e.dcm")]
    assert names == ["gradient=1.000/0.000/0.000", "gradient=0.000/1.000/0.000"]


def acquired(*moments: str) -> Change:
    """Return a change that states when each volume was acquired; its slices follow each other."""

    def change(dataset: FileDataset, volume: int, k: int) -> None:
        dataset.AcquisitionDate, dataset.AcquisitionTime = moments[volume].split(" ")
        dataset.AcquisitionTime += f".{k}"

    return change


def shown(dataset: FileDataset, volume: int, k: int) -> None:
    """State when each image was made."""
    dataset.ContentDate, dataset.ContentTime = "20200102", f"0304{volume}{k}"


def numbered(dataset: FileDataset, volume: int, k: int) -> None:
    """Count acquisitions slice by slice."""
    dataset.AcquisitionNumber = 10 * volume + k + 1


MIDNIGHT = acquired("20200102 235958", "20200102 235959", "20200103 000000")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ((by_volume,), "instance-number"),
        ((by_position,), "instance-number"),
        ((unnumbered, MIDNIGHT), "acquisition-time"),
        ((by_volume, MIDNIGHT), "acquisition-time"),
        ((unnumbered, shown), "content-time"),
        ((unnumbered, numbered), "acquisition-number"),
    ],
)
def test_a_consistent_order_tells_volumes_apart_where_nothing_else_does(
    tmp_path: Path, changes: Sequence[Change], name: str
) -> None:
    write(tmp_path, *changes)
    assert volumes_of(tmp_path) == {f"{name}-order={number + 1}": {str(number)} for number in range(3)}
    note = (
        "no attribute tells the 3 volumes apart (the same in all slices: .*echo-time.*): "
        f"they are numbered in the order of {name}"
    )
    pattern = note.replace("(the", r"\(the").replace("):", r"\):")
    with pytest.raises(AmbiguousError, match=rf"{name}-order=3 \(4 slices\); {pattern}"):
        read_series(tmp_path)
    _, source = read_series(tmp_path, series=f"1.2.3.4#{name}-order=2")
    assert source.warnings[0].startswith("no attribute tells the 3 volumes apart")
    assert list_series(tmp_path)[1].warnings == source.warnings


def test_what_tells_some_volumes_apart_stands_before_the_order(tmp_path: Path) -> None:
    def change(dataset: FileDataset, volume: int, _k: int) -> None:
        dataset.DiffusionBValue = 1000.0 * (volume > 0)

    write(tmp_path / "scan", by_volume, change)
    names = ["b-value=0.0,{}=1", "b-value=1000.0,{}=2", "b-value=1000.0,{}=3"]
    names = [name.format("instance-number-order") for name in names]
    assert list(volumes_of(tmp_path / "scan")) == names
    volume, source = read_series(tmp_path / "scan", series=f"1.2.3.4#{names[2]}")
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out", Derivation("Filled.", "key"))
    again, _ = read_series(tmp_path / "out", series=f"#{names[2]}")
    np.testing.assert_array_equal(again.data, volume.data)
    with pytest.raises(InputError, match="expected slices with b-value=0"):
        read_series(tmp_path / "out", series=f"#{names[0]}")


def test_image_index_of_pet_tells_volumes_apart(tmp_path: Path) -> None:
    def change(dataset: FileDataset, volume: int, k: int) -> None:
        dataset.ImageIndex, dataset.BitsStored, dataset.HighBit = volume * SLICES + k + 1, 16, 15

    write(tmp_path, change, unnumbered, modality="PT")
    assert volumes_of(tmp_path) == {f"image-index-order={number + 1}": {str(number)} for number in range(3)}


def scrambled(dataset: FileDataset, volume: int, k: int) -> None:
    """Number the instances without an order."""
    dataset.InstanceNumber = (3, 7, 1, 12, 9, 4, 11, 2, 6, 10, 5, 8)[volume * SLICES + k]


def backwards(dataset: FileDataset, volume: int, k: int) -> None:
    """State times whose volumes are not those of the instance numbers, though both run without a break."""
    turned = volume if k else 2 - volume
    dataset.ContentDate, dataset.ContentTime = "20200102", f"0304{k}{turned}"


def of_b_values(dataset: FileDataset, volume: int, k: int) -> None:
    """State two b-values in another order in one slice."""
    dataset.DiffusionBValue = 1000.0 * (volume == (0 if k == 2 else 1))
    dataset.EchoTime = str(3 + k % 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            (scrambled,),
            r"nothing tells the 3 slices at each position apart \(.*echo-time.*\), nor does their",
        ),
        ((unnumbered,), r"nothing tells the 3 slices at each position apart"),
        (
            (by_position, backwards),
            r"content-time and instance-number group the 3 slices at each position into diff",
        ),
        ((by_volume, of_b_values), r"12 slices lie at 4 positions.*nothing tells the 3 slices"),
    ],
)
def test_an_order_that_is_not_consistent_tells_nothing_apart(
    tmp_path: Path, changes: Sequence[Change], reason: str
) -> None:
    write(tmp_path, *changes)
    with pytest.raises(GeometryError, match=reason):
        read_series(tmp_path)


def test_an_incomplete_volume_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, by_volume)
    (tmp_path / "2" / "3.dcm").unlink()
    with pytest.raises(GeometryError, match="2 to 3 slices lie at a position: some volume is incomplete"):
        read_series(tmp_path)


def test_copies_of_the_same_instances_are_not_volumes(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _volume: int, k: int) -> None:
        dataset.SOPInstanceUID = UID(f"1.2.3.4.1.{k + 1}")

    write(tmp_path, by_volume, change)
    with pytest.raises(GeometryError, match=r"8 files repeat the SOPInstanceUID .* at 4 positions[^;]* \("):
        read_series(tmp_path)


def test_a_product_is_the_volume_that_was_chosen_by_its_order(tmp_path: Path) -> None:
    write(tmp_path / "scan", by_volume)
    volume, source = read_series(tmp_path / "scan", series="1.2.3.4#instance-number-order=2")
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out", Derivation("Filled.", "key"))
    again, derived = read_series(tmp_path / "out", series="#instance-number-order=2")
    np.testing.assert_array_equal(again.data, volume.data)
    with pytest.raises(InputError, match=r"expected slices with instance-number-order=2 .* found no part"):
        read_series(tmp_path / "out", series=f"{derived.facts['series_uid']}#instance-number-order=2")
    with pytest.raises(InputError, match=r"expected slices with echo-time=4"):
        read_series(tmp_path / "out", series="#echo-time=4")


@pytest.mark.parametrize("words", ["gradient=1.000/0.000/0.000", "foo=1", "foo-order=1"])
def test_a_lone_volume_is_not_taken_for_another(tmp_path: Path, words: str) -> None:
    Phantom().write(tmp_path)
    for name in (f"#{words}", f"1.2.3.4#{words}"):
        with pytest.raises(InputError, match=f"expected slices with {words} .* found no part"):
            read_series(tmp_path, series=name)


def test_nothing_to_repair_leaves_a_volume_that_is_chosen_by_its_order(tmp_path: Path) -> None:
    write(tmp_path / "scan", by_volume)
    volume, source = read_series(tmp_path / "scan", series="1.2.3.4#instance-number-order=2")
    source.write(volume.data, np.zeros(volume.shape, bool), tmp_path / "out", Derivation("Nothing.", "key"))
    again, _ = read_series(tmp_path / "out", series="#instance-number-order=2")
    np.testing.assert_array_equal(again.data, volume.data)


def test_frames_of_an_enhanced_image_are_ordered_too(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm", echoes=2)
    dataset = pydicom.dcmread(tmp_path / "e.dcm")
    for item in dataset.PerFrameFunctionalGroupsSequence:
        del item.MREchoSequence
    dataset.save_as(tmp_path / "e.dcm")
    names = [found.series for found in list_series(tmp_path / "e.dcm")]
    assert names == ["1.2.3.4#instance-number-order=1", "1.2.3.4#instance-number-order=2"]
    second, source = read_series(tmp_path / "e.dcm", series=names[1])
    source.write(second.data, np.ones(second.shape, bool), tmp_path / "out", Derivation("Filled.", "key"))
    again, _ = read_series(tmp_path / "out", series="#instance-number-order=2")
    np.testing.assert_array_equal(again.data, second.data)


def test_big_endian_private_directions_tell_volumes_apart(tmp_path: Path) -> None:
    def swapped(dataset: FileDataset, _volume: int, _k: int) -> None:
        dataset.PixelData = np.frombuffer(dataset.PixelData, ">u2").tobytes()

    write(tmp_path, siemens, swapped, unnumbered, syntax=ExplicitVRBigEndian)
    assert len(volumes_of(tmp_path)) == 3
