"""Write the model card of a network from the record of its training and the scores of the engines.

    python benchmarks/cards.py --record TRAINING/unet3d.json --scores scores.tsv \
        --output src/medpaint/engines/learned/shipped/unet3d.md

The scores are those that benchmarks/engines.py writes with --scores.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Final

from engine_scans import group_of

from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import read_scores, summarised

ABOUT: Final = {
    "unet3d": """\
It fills holes in medical volumes: a residual 3D U-Net corrects a first
fill by exemplars from the same scan, on patches at about 1 mm.""",
    "unet2d": """\
It fills holes in medical volumes: a residual U-Net corrects a first fill
by exemplars from the same scan, slice by slice, with the neighbouring slices as channels, at about 1 mm in the
slice.""",
    "resnet2d": """\
It fills lost slices in medical volumes, up to twelve in a row: a residual
network corrects the smooth fill, slice by slice, with five slices on either side as channels, at about 1 mm in the
slice.""",
}
"""What each network does, for the first lines of its card."""

LESIONS: Final = """\
Shapes of holes: stroke lesion masks, LESYMAP, Apache-2.0. medpaint makes blobs, lost slices and blocks at the edge
itself."""

LIMITS: Final = {
    "resnet2d": "- Only for gaps between known slices: the engine leaves other holes to `biharmonic`.\n"
}
"""What a network cannot do at all."""

SCORED: Final = {"resnet2d": ("slices",)}
"""Kinds of holes that are scored, where a network is not for all."""

CREDITS: Final = {
    "t1w-brain": "T1w MRI of the brain, OpenNeuro ds002748 v1.0.5, doi:10.18112/openneuro.ds002748.v1.0.5, CC0",
    "t1w-head": "T1w MRI of the head, OpenfMRI ds000011, PDDL",
    "t2w-head": "T2w MRI of the head in slices of 5 mm, OpenfMRI ds000011, PDDL",
    "ms-head": "FLAIR, T1w and T2w MRI of a person with multiple sclerosis, Lesjak et al. 2017, CC BY",
    "ct-thigh": "CT of the thighs, Soft-tissue-Sarcoma (TCIA), as prepared by the IBSI, CC BY 3.0",
    "labels": "label maps, from which scans are synthesised, SynthSeg, Apache-2.0",
}
"""What each source of the shipped recipes is, and its licence."""


def main() -> None:
    """Read the record and the scores, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, required=True, help="record that medpaint train wrote")
    parser.add_argument("--scores", type=Path, required=True, help="table of scores of benchmarks/engines.py")
    parser.add_argument("--output", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--start", default="", help="description of the weights that the training started from")
    arguments = parser.parse_args()
    record = json.loads(arguments.record.read_text(encoding="utf-8"))
    arguments.output.write_text(card_of(record, read_scores(arguments.scores), arguments.start), encoding="utf-8")


def card_of(record: dict[str, Any], rows: Sequence[Row], start: str) -> str:
    """Return the card."""
    recipe = record["recipe"]
    kind = recipe["network"]["kind"]
    return CARD.format(
        name=recipe["name"],
        about=ABOUT[kind],
        shapes=LESIONS if recipe["lesions"] else "medpaint makes the holes itself.",
        limits=LIMITS.get(kind, ""),
        channels=", ".join(map(str, recipe["network"]["channels"])),
        sha256=record["weights_sha256"],
        recipe_sha256=record["recipe_sha256"],
        hours=record["hours"],
        steps=record["best_step"],
        batch=recipe["loop"]["batch"],
        device=record["device"],
        created=record["created"][:10],
        cases=recipe["pairs"]["cases"],
        start=f"\n- **Started** from other weights, `{record['start_sha256'][:12]}`: {start}" if start else "",
        data=data_table(record),
        held_out=", ".join(recipe["held_out"]),
        validation=", ".join(recipe["validation"]),
        gains=gain_table(record["scores"]),
        scores=score_table(rows, kind),
    )


def data_table(record: dict[str, Any]) -> str:
    """Return how many scans of how many people each source gave."""
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    scans: dict[tuple[str, str], int] = defaultdict(int)
    for scan in record["scans"]:
        key = scan["person"].partition("/")[0], scan["part"]
        people[key].add(scan["person"])
        scans[key] += 1
    lines = ["| data | training | validation |", "|---|---|---|"]
    for source in record["recipe"]["sources"]:
        keys = [(source["name"], part) for part in ("training", "validation")]
        cells = [f"{scans[key]} of {len(people[key])}" if scans[key] else "" for key in keys]
        lines.append(f"| {CREDITS.get(source['name'], source['name'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def gain_table(scores: dict[str, float]) -> str:
    """Return the validation scores, by kind of hole."""
    lines = ["| holes | error after / before |", "|---|---|"]
    lines += [f"| {name} | {value:.3f} |" for name, value in scores.items() if name != "validation"]
    return "\n".join(lines)


def score_table(rows: Sequence[Row], kind: str) -> str:
    """Return the error relative to harmonic's, by kind of scan and hole: network, and engines without weights."""
    names = {row.engine for row in rows} - {*NETWORKS, "auto"}
    lines = [f"| scans, hole | `{kind}` | best without weights |", "|---|---|---|"]
    groups: dict[str, list[Row]] = defaultdict(list)
    rows = [row for row in rows if row.kind in SCORED.get(kind, (row.kind,))]
    for row in rows:
        groups[group_of(row).title].append(row)
    for group, own in groups.items():
        summary = summarised(own)
        for hole in dict.fromkeys((one.kind, one.bin) for one in summary):
            errors = {
                one.engine: one.scores["rmse_vs_harmonic"].mean for one in summary if (one.kind, one.bin) == hole
            }
            if kind in errors:
                best = min(names & errors.keys(), key=lambda name: errors[name])
                text = f"| {group}, {' '.join(hole)} | {errors[kind]:.3f} | {errors[best]:.3f} (`{best}`) |"
                lines.append(text)
    average = mean(row.rmse_vs_harmonic for row in rows if row.engine == kind)
    return "\n".join(lines) + f"\n\nMean over these holes: {average:.3f}."


CARD: Final = """\
# {name}

Weights of the engine `{name}`. {about} Channels: {channels}.

- **Made** {created}, in {hours} hours on {device}: {steps} steps of {batch} patches.{start}
- **Pairs**: patches of {cases} damaged scans.
- **SHA-256**: `{sha256}`
- **Recipe**: `config/train/{name}.yaml`, SHA-256 `{recipe_sha256}`
- The record of the training, `{name}.json` in the same folder, lists the versions, and every scan with its hash
  and part.
- **Licence** of the weights: Apache-2.0, like medpaint.

## Data

Scans and people (`3 of 1` is three scans of one person):

{data}

{shapes}

Held out of training and of the choice of weights: {held_out}.
The weights that did best on these people were chosen: {validation}.

## What the network adds

Error (RMSE) in the holes of the validation people, relative to that of the first fill:

{gains}

## Scores

Error in the hole relative to that of `harmonic`, on held-out people; below 1 is closer to the truth.
[All engines](../../../../../docs/reference/engines-measured.md).

{scores}

## Where not to use it

{limits}- Not for diagnosis. A filled voxel is an invention; do not measure in it.
- It was trained on brains, heads and thighs. In other parts of the body the first fill does most of the work.
- It saw healthy tissue and a few lesions. It does not restore the appearance of disease.
- It assumes that both sides of the body look alike: not for studies of asymmetry.
- All training scans of a kind come from one scanner. Results may be worse with other scanners, field strengths and
  reconstructions: [evaluate on your own scans](../../../../../docs/how-to/evaluate.md).
- Voxels far from 1 mm are resampled for the network: it adds no detail to voxels below 0.75 mm.
"""

if __name__ == "__main__":
    main()
