"""The JSON Schemas in ``schemas/``, generated from the models that read the same files."""

import json
from pathlib import Path

from pydantic import BaseModel

from foundational.card.comparison.record import ChangeRecord
from foundational.card.record import CardRecord
from foundational.evaluation.validation_report import ValidationReport
from foundational.provenance.record import ProvenanceRecord, write_json
from foundational.release.bundle.bundle import BundleManifest
from foundational.release.record import ReleaseRecord
from foundational.release.registry.registry import Registry
from foundational.specs.about import About
from foundational.specs.params import Params
from foundational.specs.potentials import PotentialRegistry
from foundational.workspace.pools import PoolManifest

#: File name in schemas/ and the model it describes.
MODELS: dict[str, type[BaseModel]] = {
    "about.json": About,
    "card.json": CardRecord,
    "change.json": ChangeRecord,
    "manifest.json": BundleManifest,
    "params.json": Params,
    "pool-manifest.json": PoolManifest,
    "potentials.json": PotentialRegistry,
    "provenance.json": ProvenanceRecord,
    "release.json": ReleaseRecord,
    "releases.json": Registry,
    "validation.json": ValidationReport,
}


def schemas() -> dict[str, dict[str, object]]:
    """Every schema, by its file name in ``schemas/``."""
    dialect: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | model.model_json_schema() for name, model in MODELS.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Write every schema into ``folder`` and return the files."""
    for name, schema in schemas().items():
        write_json(folder / name, schema)
    return [folder / name for name in MODELS]


def stale_schemas(folder: Path) -> list[str]:
    """Names of schemas that are missing from ``folder``, differ from the models, or have no model."""
    on_disk = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    expected = schemas()
    return sorted(name for name in on_disk.keys() | expected.keys() if on_disk.get(name) != expected.get(name))
