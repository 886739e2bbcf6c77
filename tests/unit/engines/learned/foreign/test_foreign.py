"""Foreign networks as an engine: what they see, what their output means, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from foreign_nets import Constant
from networks import one_thread, tiny_description
from numpy.typing import NDArray
from safetensors.torch import save_file

import medpaint
from medpaint.core.errors import EngineError, MedpaintError, UnreadableError, UsageError
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.engines.base import Fill, Hole
from medpaint.engines.choice import scaled_for
from medpaint.engines.learned.foreign.classes import blueprint_of
from medpaint.engines.learned.foreign.description import read_description
from medpaint.engines.learned.foreign.engine import monai
from medpaint.phantoms import head

SHAPE = (24, 26, 22)
MM: Spacing = (1.0, 1.0, 1.0)
VALUES = {"scale": "values", "range": [0.0, 1000.0]}


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with one_thread():
        yield


def image() -> FloatArray:
    made: FloatArray = (1000.0 * head(SHAPE, (8.0, 8.0, 8.0))).astype(np.float32)
    return made


def block() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[9:14, 10:15, 8:13] = True
    return mask


def described(folder: Path, kind: str, *, value: float = 0.0, **keys: Any) -> Path:
    """Write the description of a network of `foreign_nets`, and its weight."""
    save_file({"value": torch.tensor([value])}, folder / "w.safetensors")
    least = {"axes": 3, "inputs": ["voided", "mask"], "window": 16, "output": "image", "intensities": VALUES}
    values = {"network": f"foreign_nets:{kind}", "weights": "w.safetensors", **least, **keys}
    path = folder / "net.yaml"
    path.write_text(yaml.safe_dump({name: one for name, one in values.items() if one != ""}), encoding="utf-8")
    return path


def filled(
    path: Path, *, spacing_mm: Spacing = MM, mask: Mask | None = None, seed: int = 0, **options: Any
) -> Fill:
    """Return the fill of a block in a head."""
    hole = Hole(image(), block() if mask is None else mask, spacing_mm)
    return monai(network=path, **options).fill(hole, seed=seed)


@pytest.mark.parametrize("spacing_mm", [MM, (0.5, 0.5, 2.0)])
@pytest.mark.parametrize("keys", [{"axes": 3}, {"axes": 2, "slices": 3}, {"window": None}, {"spacing_mm": 1.0}])
def test_an_image_is_brought_back_to_the_intensities_of_the_scan(
    tmp_path: Path, spacing_mm: Spacing, keys: dict[str, Any]
) -> None:
    options: dict[str, Any] = {"value": 0.5, **keys}
    fill = filled(described(tmp_path, "Constant", **options), spacing_mm=spacing_mm)
    assert fill.fillers[0] == "monai"
    assert (fill.filled_by == 0).all()
    assert len(fill.weights_sha256) == 64
    np.testing.assert_allclose(fill.values, 500.0, atol=0.01)


def test_a_correction_is_added_to_the_start(tmp_path: Path) -> None:
    fill = filled(described(tmp_path, "Constant", value=-0.05, output="correction"))
    np.testing.assert_allclose(fill.values[0] - fill.stages["biharmonic"], -50.0, atol=0.01)


def test_a_fill_stays_within_the_range_of_the_known_voxels(tmp_path: Path) -> None:
    fill = filled(described(tmp_path, "Constant", value=1e6))
    np.testing.assert_array_equal(fill.values, image()[~block()].max())


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [(["voided", "mask"], 250.0), (["mask", "start"], 1000.0), (["known", "hole"], 0.0), (["hole"], 1000.0)],
)
def test_the_inputs_hold_what_the_description_says(tmp_path: Path, inputs: list[str], expected: float) -> None:
    keys: dict[str, Any] = {"arguments": {"channel": 0}, "inputs": inputs, "hole_value": 0.25}
    fill = filled(described(tmp_path, "Pick", **keys))
    np.testing.assert_allclose(fill.values, min(expected, float(image()[~block()].max())), atol=0.01)


def test_a_network_that_repeats_the_start_leaves_the_hole_to_it(tmp_path: Path) -> None:
    fill = filled(described(tmp_path, "Pick", arguments={"channel": 0}, inputs=["start"]))
    np.testing.assert_array_equal(fill.values[0], fill.stages["biharmonic"])
    assert set(np.array(fill.fillers)[fill.filled_by]) == {"biharmonic"}
    assert fill.weights_sha256 == ""


@pytest.mark.parametrize(("inputs", "filler"), [(["voided", "mask"], "biharmonic"), (["start", "mask"], "monai")])
def test_a_network_that_would_see_nothing_leaves_the_hole_to_the_start(
    tmp_path: Path, inputs: list[str], filler: str
) -> None:
    mask = block()
    mask[:, :, 17] = True
    path = described(tmp_path, "Constant", value=0.5, axes=2, inputs=inputs, spacing_mm=1.0)
    fill = filled(path, mask=mask, spacing_mm=(0.6, 0.6, 2.0))
    in_slice = np.nonzero(mask)[2] == 17
    by = np.array(fill.fillers)[fill.filled_by]
    assert set(by[in_slice]) == {filler}
    assert set(by[~in_slice]) == {"monai"}


def test_inputs_are_clipped_but_the_start_is_not(tmp_path: Path) -> None:
    clipped = {"scale": "values", "range": [0.0, 1.0], "to": [-1.0, 1.0], "clip": True}
    path = described(tmp_path, "Pick", arguments={"channel": 0}, inputs=["start"], intensities=clipped)
    np.testing.assert_allclose(filled(path).values, 1.0, atol=0.01)


@pytest.mark.parametrize(
    ("intensities", "low", "high"),
    [
        ({"scale": "percentiles", "range": [0.0, 100.0], "over": "scan"}, "min", "max"),
        ({"scale": "deviation", "over": "scan"}, "mean", "std"),
        ({"scale": "deviation", "over": "scan", "tissue": True}, "bright mean", "bright std"),
    ],
)
def test_intensities_are_scaled_by_the_known_voxels(
    tmp_path: Path, intensities: dict[str, Any], low: str, high: str
) -> None:
    known = image()[~block()].astype(np.float64)
    lowest, highest = np.percentile(known, [1.0, 99.0])
    if "bright" in low:
        known = known[known > lowest + 0.2 * (highest - lowest)]
    measured = {"min": known.min(), "max": known.max(), "mean": known.mean(), "std": known.std()}
    first, last = measured[low.rsplit(maxsplit=1)[-1]], measured[high.rsplit(maxsplit=1)[-1]]
    expected = first + 0.5 * (last if "std" in high else last - first)
    fill = filled(described(tmp_path, "Constant", value=0.5, intensities=intensities))
    reach = monai(network=tmp_path / "net.yaml").context_mm
    assert reach > 1000.0
    np.testing.assert_allclose(fill.values, expected, rtol=0.02 if "bright" in low else 1e-5)


def test_a_network_of_monai_answers_what_it_answers_by_itself(tmp_path: Path) -> None:
    path = tiny_description(tmp_path, window=16, context_mm=0.0)
    shape = (16, 16, 16)
    mask = np.zeros(shape, dtype=bool)
    mask[6:10, 6:10, 6:10] = True
    scan = (1000.0 * head(shape, (6.0, 6.0, 6.0))).astype(np.float32)
    path = tiny_description(tmp_path, context_mm=16.0)
    fill = monai(network=path).fill(Hole(scan, mask, MM), seed=0)
    start = scan.copy()
    start[mask] = fill.stages["biharmonic"]
    known = scan[~mask].astype(np.float64)
    shown = np.stack([(start - known.mean()) / known.std(), mask]).astype(np.float32)
    read = read_description(path)
    network = blueprint_of(read).built().eval()
    from safetensors.torch import load_file

    network.load_state_dict(load_file(read.weights))
    with torch.inference_mode():
        answer = network(torch.from_numpy(shown)[None])[0, 0].numpy()
    expected = np.clip(start + known.std() * answer, known.min(), known.max())[mask]
    np.testing.assert_allclose(fill.values[0], expected, atol=0.01)


def test_a_scan_that_is_far_too_coarse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"voxels of about 0.1 mm .spacing_mm., got 1 x 1 x 1 mm, 1000 times"):
        filled(described(tmp_path, "Constant", spacing_mm=0.1))


def test_a_network_may_use_up_its_input(tmp_path: Path) -> None:
    inputs = ["start", "smooth", "other side", "hole", "other side's hole"]
    fill = filled(described(tmp_path, "Erasing", value=0.5, inputs=inputs))
    np.testing.assert_allclose(fill.values, 500.0, atol=0.01)


def test_the_seed_decides_what_a_network_draws(tmp_path: Path) -> None:
    path = described(tmp_path, "Drawing", value=0.3, draws=True)
    before = torch.get_rng_state()
    first, same, other = (filled(path, seed=seed).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1.0
    assert torch.equal(before, torch.get_rng_state())


def test_random_numbers_that_are_not_announced_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        EngineError, match=r"foreign_nets:Drawing draws random numbers.*set draws: true in .*net.yaml"
    ):
        filled(described(tmp_path, "Drawing"))


def test_notes_of_a_network_are_not_shared_between_threads(tmp_path: Path) -> None:
    path = described(tmp_path, "Noting", inputs=["start"], intensities={"scale": "deviation"})
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:21, 3:21, 3:19] = True
    alone = filled(path, mask=mask).values
    torch.set_num_threads(4)
    try:
        assert all(np.array_equal(filled(path, mask=mask).values, alone) for _ in range(3))
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("network", "keys", "error", "message"),
    [
        ("Wide", {}, EngineError, r"Wide: expected floating-point output of shape \(\d, 1, 16, 16, 16\)"),
        ("Two", {}, EngineError, "Two: expected one tensor as output, got tuple"),
        ("NotANumber", {}, EngineError, r"NotANumber: expected finite output, got \d"),
        ("Broken", {}, EngineError, r"Broken failed on an input of shape \(.*\): RuntimeError: no such luck$"),
        ("Unmade", {}, UsageError, "arguments that foreign_nets:Unmade can be made with: ValueError: never"),
        ("Pick", {}, UsageError, "can be made with: TypeError: .*channel"),
        ("Absent", {}, UsageError, "at foreign_nets:Absent, got nothing of that name"),
        ("function", {}, UsageError, r"expected a class of networks .* at foreign_nets:function, got <func"),
        ("", {"network": "no.such.module:Net"}, UsageError, "cannot import no.such.module.*PYTHONPATH"),
        ("", {"network": "torch.nn:Linear", "arguments": {"in_features": 1, "out_features": 1}}, UnreadableError,
         "expected weights of torch.nn.modules.linear:Linear as .*net.yaml describes it, with a tensor weight"),
    ],
)  # fmt: skip
def test_a_network_that_does_not_fit_is_refused(
    tmp_path: Path, network: str, keys: dict[str, Any], error: type[MedpaintError], message: str
) -> None:
    with pytest.raises(error, match=message):
        filled(described(tmp_path, network, **keys))


@pytest.mark.parametrize("line", ["raise AttributeError('unlucky')", "import sys; sys.exit('unlucky')"])
def test_a_module_that_cannot_be_imported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "unlucky_nets.py").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=r"unlucky_nets failed when it was imported: .*: unlucky"):
        filled(described(tmp_path, "", network="unlucky_nets:Net"))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"other": torch.zeros(1)}, "a tensor value, found none"),
        (
            {"value": torch.zeros(1), "more": torch.zeros(1)},
            "only tensors of foreign_nets:Constant, found 'more' too",
        ),
        ({"value": torch.zeros(2)}, r"value of shape \(1,\), got \(2,\)"),
        ({"value": torch.zeros(1, dtype=torch.int64)}, "value of type float16.*, got int64"),
        ({"value": torch.full((1,), torch.nan)}, "finite values in value"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, tensors: dict[str, Any], message: str) -> None:
    path = described(tmp_path, "Constant")
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(UnreadableError, match=message):
        filled(path)


def test_counts_among_the_weights_are_kept(tmp_path: Path) -> None:
    network = torch.nn.BatchNorm3d(1)
    network.register_buffer("running_mean", torch.full((1,), 3.0))
    path = described(tmp_path, "", network="torch.nn:BatchNorm3d", arguments={"num_features": 1}, inputs=["start"])
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    assert filled(path).weights_sha256


class _Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.path, "run"))


def test_pickled_weights_are_never_opened(tmp_path: Path) -> None:
    path = described(tmp_path, "Constant")
    (tmp_path / "w.safetensors").write_bytes(pickle.dumps(_Evil(tmp_path / "marker")))
    with pytest.raises(UnreadableError, match=r"safetensors.*pickled ones .* never opened: convert them once"):
        filled(path)
    assert not (tmp_path / "marker").exists()


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    path = described(tmp_path, "Constant")
    (tmp_path / "w.safetensors").unlink()
    with pytest.raises(UnreadableError, match=r"w.safetensors: expected weights of a network: no such file"):
        filled(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a device that this machine has, got cuda"):
        filled(described(tmp_path, "Constant"), device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_network_runs_on_a_gpu(tmp_path: Path) -> None:
    fill = filled(described(tmp_path, "Constant", value=0.5), device="cuda")
    assert fill.device == "cuda"
    np.testing.assert_allclose(fill.values, 500.0, atol=0.01)


def scan_and_mask() -> tuple[NDArray[np.int16], Mask]:
    return np.rint(image()).astype(np.int16), block()


def test_the_record_names_class_description_and_weights(tmp_path: Path) -> None:
    scan, mask = scan_and_mask()
    path = described(tmp_path, "Constant", value=0.5, start="exemplar", mirror=True)
    done = medpaint.restore(scan, mask, engine="monai", network=str(path), effort="best", max_fraction=1.0)
    assert np.array_equal(done.volume.data[~mask], scan[~mask])
    assert np.unique(done.volume.data[mask]).tolist() == [500]
    entry = done.record.inpaint
    assert entry is not None
    assert (entry.engine, entry.reason, entry.filled_by) == ("monai", "as asked", {"monai": int(mask.sum())})
    assert entry.options["network"] == "foreign_nets:Constant"
    assert entry.options["description_sha256"] == read_description(path).sha256
    assert len(str(entry.options["code_sha256"])) == len(entry.weights_sha256) == 64
    assert (entry.options["pace"], entry.options["flips"]) == ("thorough", True)
    assert done.record.parameters.fill.network == str(path)


def test_a_network_is_asked_for_with_its_engine_only(tmp_path: Path) -> None:
    scan, mask = scan_and_mask()
    path = str(described(tmp_path, "Constant"))
    asked: list[tuple[dict[str, Any], str]] = [
        ({"engine": "monai"}, "a file that describes your network, with engine monai, got none"),
        ({"network": path}, "with engine monai only, got it with auto"),
    ]
    for options, message in asked:
        with pytest.raises(UsageError, match=f"expected network=.* {message}"):
            medpaint.restore(scan, mask, **options)
    with pytest.raises(UsageError, match="with weights, got monai"):
        medpaint.restore(scan, mask, engine="monai", network=path, weights="w.safetensors")


def test_millimetres_of_a_description_are_those_of_a_small_body() -> None:
    scan, mask = scan_and_mask()
    volume = Volume.of(scan, np.diag([0.1, 0.1, 0.1, 1.0]))
    assert scaled_for("monai", volume, mask).factor == 1.0
    assert scaled_for("unet3d", volume, mask).factor > 2.0


def test_weights_of_the_same_name_are_read_again(tmp_path: Path) -> None:
    for value in (0.25, 0.5):
        fill = filled(described(tmp_path, "Constant", value=value))
        np.testing.assert_allclose(fill.values, 1000.0 * value, atol=0.01)
    assert isinstance(blueprint_of(read_description(tmp_path / "net.yaml")).built(), Constant)
