"""Compare weights of one network on the validation people of a recipe, whole fills, by kind of hole and by source.

    python benchmarks/weights.py config/train/resnet2d-linear.yaml --data FOLDER \
        src/medpaint/engines/learned/shipped/resnet2d.safetensors training/resnet2d-linear

What is compared are files of weights, and folders of trainings: of one that still runs, the weights that validated
best at its last checkpoint. The table has the root mean square error in the hole's tissue, relative to that of
`linear` for a network for lost slices and otherwise of `harmonic`: the mean over people, with a 95 % interval.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.stats import t as student

from medpaint.core.errors import MedpaintError
from medpaint.core.types import FloatArray, Mask
from medpaint.datasets.lesion_shapes import LesionFolder
from medpaint.engines.base import Engine, Hole
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.registry import load_engine
from medpaint.training.cases import damaged
from medpaint.training.recipe import Recipe, read_recipe
from medpaint.training.scans import Scan, Whole, find_scans, read_whole
from medpaint.training.train import facts_of, network_of

Errors = dict[str, dict[str, list[float]]]
"""Relative errors by what they are of and by person."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    recipe = read_recipe(arguments.recipe)
    lost = NETWORKS[recipe.network.kind].for_lost_slices
    plain = ("linear", "registered", "biharmonic") if lost else ("harmonic", "exemplar")
    with TemporaryDirectory() as folder:
        engines: dict[str, Engine] = {name: load_engine(name) for name in plain}
        for number, path in enumerate(arguments.weights):
            file = _exported(path, Path(folder) / f"{number}.safetensors") if path.is_dir() else path
            engines[path.name] = load_engine(recipe.network.kind, weights=file)
        tables: dict[str, dict[str, Errors]] = {"kind": {}, "source": {}}
        for kind, scan, errors in _measured(recipe, arguments.data, engines, arguments.holes):
            for table, row in (("kind", kind), ("source", scan.person.split("/")[0])):
                cells = tables[table].setdefault(row, defaultdict(lambda: defaultdict(list)))
                for name, error in errors.items():
                    cells[name][scan.person].append(error / errors[plain[0]])
            print(kind, scan.person, {name: round(error, 3) for name, error in errors.items()}, flush=True)
    for title, rows in tables.items():
        print(_table(title, rows, list(engines)))


def _arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="whose people and holes")
    parser.add_argument("weights", type=Path, nargs="+", help="files of weights, or folders of trainings")
    parser.add_argument("--data", type=Path, required=True, help="folder of the scans")
    parser.add_argument("--holes", type=int, default=1, help="holes of each kind in a scan (default: 1)")
    return parser.parse_args()


def _exported(folder: Path, path: Path) -> Path:
    """Write the weights that validated best in a training, which may still run, and return their file."""
    import torch

    from medpaint.engines.learned.weights import save_weights

    recipe = Recipe.model_validate_json((folder / "recipe.json").read_bytes())
    state = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    network = network_of(recipe)
    network.load_state_dict(state["best_weights"])
    print(f"{folder}: best {state['best']:.4f} at step {state['best_step']} of {state['step']}", flush=True)
    save_weights(network, facts_of(recipe, state["best_step"], state["best_scores"]), path)
    return path


def _measured(
    recipe: Recipe, data: Path, engines: dict[str, Engine], holes: int
) -> Iterator[tuple[str, Scan, dict[str, float]]]:
    """Yield each hole's kind and scan, and the error of each engine in it."""
    shapes = LesionFolder(data / recipe.lesions) if recipe.lesions else ()
    scans = [scan for scan in find_scans(recipe, data)[0] if scan.part == "validation"]
    for scan in scans:
        whole = read_whole(scan, data, seed=0)
        for number, kind in enumerate(recipe.holes):
            title = f"{kind.kind} {kind.sizes[0]:g}-{kind.sizes[1]:g}" + (" many" if kind.count[0] > 2 else "")
            for hole in range(holes):
                rng = np.random.default_rng((zlib.crc32(scan.person.encode()), number, hole))
                try:
                    mask = damaged(whole, kind, shapes, rng)
                    yield title, scan, _errors(whole, mask, engines)
                except MedpaintError as error:
                    print(f"{title} {scan.person}: left out: {error}", flush=True)


def _errors(whole: Whole, mask: Mask, engines: dict[str, Engine]) -> dict[str, float]:
    """Return the root mean square error of each engine in the tissue of a hole."""
    image = np.where(mask, whole.truth[~mask].min(), whole.truth)
    scored = whole.tissue[mask]
    truth: FloatArray = whole.truth[mask][scored]
    found = {}
    for name, engine in engines.items():
        values = engine.fill(Hole(image, mask, whole.spacing_mm), seed=0).values[0][scored]
        found[name] = float(np.sqrt(np.square(values - truth).mean(dtype=np.float64)))
    return found


def _table(title: str, rows: dict[str, Errors], names: list[str]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {title} | people | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for row, cells in rows.items():
        people = len(cells[names[0]])
        lines.append(f"| {row} | {people} | {' | '.join(_cell(cells[name]) for name in names)} |")
    return "\n" + "\n".join(lines)


def _cell(errors: dict[str, list[float]]) -> str:
    """Return the mean over people of a relative error, with its interval."""
    values = np.array([np.mean(own) for own in errors.values()])
    if len(values) < 2:
        return f"{values.mean():.3f}"
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
