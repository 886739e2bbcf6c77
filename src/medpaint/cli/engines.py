"""`medpaint engines`: what can fill a mask."""

from __future__ import annotations

import argparse
import json

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the command has no arguments of its own."""
    del parser


def execute(parsed: argparse.Namespace) -> int:
    """List auto, which chooses an engine, then the engines."""
    from medpaint.engines.choice import AUTO, AUTO_SUMMARY
    from medpaint.engines.registry import ENGINES

    rows = [{"name": AUTO, "ndim": 3, "summary": f"chooses {AUTO_SUMMARY}"}]
    rows += [{"name": name, "ndim": info.ndim, "summary": info.summary} for name, info in ENGINES.items()]
    if parsed.json:
        print(json.dumps({"status": "listed", "engines": rows}))
        return 0
    for row in rows:
        print(f"{row['name']:<14} {row['ndim']}D  {row['summary']}")
    return 0
