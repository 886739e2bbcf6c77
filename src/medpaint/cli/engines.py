"""`medpaint engines`: what can fill a mask."""

from __future__ import annotations

import argparse
import json

from medpaint.engines.registry import ENGINES

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: the command takes no arguments."""
    del parser


def execute(parsed: argparse.Namespace) -> int:
    """List the engines."""
    if parsed.json:
        rows = [{"name": name, "ndim": info.ndim, "summary": info.summary} for name, info in ENGINES.items()]
        print(json.dumps({"status": "listed", "engines": rows}))
        return 0
    for name, info in ENGINES.items():
        print(f"{name:<14} {info.ndim}D  {info.summary}")
    return 0
