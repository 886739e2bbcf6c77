"""Write the YAML schemas of the configuration and the table, for editors, from their models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel

from medpaint.cohort.config import CohortConfig
from medpaint.cohort.table import ScanRow

__all__ = ["SCHEMAS", "schema_text"]

SCHEMAS: Final[dict[str, type[BaseModel]]] = {"config.schema.yaml": CohortConfig, "scans.schema.yaml": ScanRow}


def schema_text(model: type[BaseModel]) -> str:
    """Return the JSON schema of a model as YAML."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    head = f"# Generated from {model.__module__}; change it there and run `make schemas`.\n"
    return head + yaml.safe_dump(schema, sort_keys=False, width=110)


def main() -> None:
    """Write the schemas into the folder that the first argument names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in SCHEMAS.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    main()
