"""`medpaint engines`: what can fill a mask."""

from __future__ import annotations

import argparse
import json

from medpaint.cli.lines import print_line

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the command takes no arguments."""
    del parser


def execute(parsed: argparse.Namespace) -> int:
    """List the engines, and first the choice among them."""
    from medpaint.engines.choice import AUTO, AUTO_SUMMARY
    from medpaint.engines.registry import ENGINES

    rows = [(AUTO, 3, AUTO_SUMMARY), *((name, info.ndim, info.summary) for name, info in ENGINES.items())]
    if parsed.json:
        listed = [{"name": name, "ndim": ndim, "summary": summary} for name, ndim, summary in rows]
        print(json.dumps({"status": "listed", "engines": listed}))
        return 0
    for name, ndim, summary in rows:
        print_line(f"{name:<14} {ndim}D  {summary}")
    return 0
