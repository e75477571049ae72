import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pytest
from datacite import schema45
from jsonschema import Draft7Validator, FormatChecker
from prov.model import ProvDerivation, ProvDocument
from requests import PreparedRequest, Response
from requests_cache import CachedSession
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from ruamel.yaml import YAML
from urllib3 import HTTPResponse

from foundational.data.store import open_store
from foundational.errors import NotFoundError
from foundational.release.citation.documents import DOCUMENTS, write_documents
from foundational.release.citation.prov_json import prov_document

# rdflib reads JSON-LD through a class of its own that it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
STANDARDS = Path(__file__).parent / "standards"


#: Recommendations of RO-Crate that ask for what about.yaml and printed references do not say, or for the network.
NOT_KNOWN = {
    "ro-crate-1.2_51.1",  # the DOI should resolve: these tests are offline
    "ro-crate-1.2_80.2",  # affiliations of authors
    "ro-crate-1.2_80.3",
    "ro-crate-1.2_86.2",  # addresses, RORs and contacts of organisations
    "ro-crate-1.2_89.0",
    "ro-crate-1.2_90.1",
    "ro-crate-1.2_93.0",
    "ro-crate-1.2_91.0",  # ORCIDs of authors
}


def load(released: Any, name: str) -> Any:
    return json.loads((released.folder / name).read_text(encoding="utf-8"))


def test_all_documents_are_written(released) -> None:
    assert set(DOCUMENTS) <= {path.name for path in released.folder.iterdir()}


def test_same_release_gives_same_bytes_in_another_process_zone_and_language(released, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    again.mkdir()
    for file in released.record.files:
        (again / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(released.folder / file.path, again / file.path)
    (tmp_path / "release.json").write_text(released.record.model_dump_json())
    (tmp_path / "registry.json").write_text(released.registry.model_dump_json())
    (tmp_path / "ni.json").write_text(released.parents["ni"].model_dump_json())
    code = f"""
from pathlib import Path
from foundational.release.citation.documents import write_documents
from foundational.release.record import ReleaseRecord
from foundational.specs.about import About
from foundational.specs.potentials import PotentialRegistry
here = Path({str(tmp_path)!r})
read = lambda model, name: model.model_validate_json((here / name).read_text())
write_documents(here / "elsewhere", read(ReleaseRecord, "release.json"), read(PotentialRegistry, "registry.json"),
                {{"ni": read(About, "ni.json")}})
"""
    environment = os.environ | {"TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "5", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    for name in DOCUMENTS:
        assert (again / name).read_bytes() == (released.folder / name).read_bytes(), name


def test_documents_name_no_machine(released) -> None:
    for name in DOCUMENTS:
        text = (released.folder / name).read_text(encoding="utf-8")
        assert not re.search(r"/(work|root|tmp|home|opt)/|localhost|127\.0\.0\.1", text), name


def test_cff_follows_its_schema(released) -> None:
    content = YAML(typ="safe", pure=True).load(released.folder / "CITATION.cff")
    schema = json.loads((STANDARDS / "cff-1.2.0-schema.json").read_text(encoding="utf-8"))
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(content)] == []
    assert content["version"] == "1.0.0"
    assert content["date-released"] == "2025-03-09"
    assert [error.message for error in validator.iter_errors(content | {"doi": "https://doi.org/x"})] != []


def test_datacite_follows_schema_4_5(released) -> None:
    document = load(released, "datacite.json")
    schema45.validator.validate(document)
    assert schema45.tostring(document).startswith("<?xml")
    assert not schema45.validate(document | {"publicationYear": 2025})
    assert document["publicationYear"] == "2025"
    related = {item["relatedIdentifier"]: item["relationType"] for item in document["relatedIdentifiers"]}
    assert related["10.48550/arXiv.2311.05407"] == "References"
    derived = [item for item in document["relatedItems"] if item["relationType"] == "IsDerivedFrom"]
    assert ["ni@1.0.0" in item["titles"][0]["title"] for item in derived] == [True]


def test_prov_json_is_read_by_prov_and_keeps_every_statement(released) -> None:
    text = (released.folder / "prov.json").read_text(encoding="utf-8")
    document = ProvDocument.deserialize(content=text, format="json")
    assert statements(json.loads(document.serialize(format="json"))) == statements(json.loads(text))
    fingerprint = released.record.fingerprint
    (entity,) = [r for r in document.get_records() if str(r.identifier) == f"dataset:{fingerprint}"]
    assert "al@1.0.0" in {str(value) for _, value in entity.attributes}
    assert len(list(document.get_records(ProvDerivation))) == 2, "al from ni, ni from the pool"


def statements(document: dict[str, Any]) -> dict[str, Any]:
    """A PROV-JSON document without the names of its relations, which say nothing."""
    return {
        kind: sorted(map(str, content.values())) if any(name.startswith("_:") for name in content) else content
        for kind, content in document.items()
    }


def test_prov_names_inputs_whose_record_is_not_embedded(released) -> None:
    subject = released.subject
    parent = subject.provenance.inputs[0]
    orphan = subject.provenance.model_copy(update={"parents": ()})
    entities = prov_document(type(subject)(subject.name, subject.about, orphan))["entity"]
    assert entities[f"dataset:{parent.fingerprint}"]["prov:label"] == "ni@1.0.0"


@pytest.fixture
def croissant_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlcroissant._src.core import constants  # noqa: PLC0415

    monkeypatch.setattr(constants, "DOWNLOAD_PATH", constants.epath.Path(tmp_path / "croissant"))


def test_croissant_is_valid_1_1_and_its_records_are_the_configurations(released, croissant_cache, caplog) -> None:
    described = mlcroissant.Dataset(released.folder / "croissant.json")
    assert not described.metadata.issues.errors
    assert not described.metadata.issues.warnings
    assert load(released, "croissant.json")["conformsTo"].endswith("/1.1")
    records = list(described.records("configurations"))
    dataset = open_store(released.folder / "data.zarr.zip")
    assert [record["configurations/energy"] for record in records] == dataset["energy"].to_numpy().tolist()
    assert [record["configurations/n_atoms"] for record in records] == dataset["n_atoms"].to_numpy().tolist()
    first = bytes.fromhex(records[0]["configurations/id"].decode().removeprefix("0x"))
    assert first == dataset["id"].to_numpy()[0].tobytes()
    assert records[3]["configurations/order_parameter"] is None
    assert {record["configurations/split"] for record in records} == {b"train", b"validation"}
    assert "not standard" not in caplog.text


def test_croissant_reader_sees_a_table_that_changed(released, croissant_cache, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(released.folder, folder)
    with (folder / "configurations.csv").open("a") as stream:
        stream.write("\n")
    described = mlcroissant.Dataset(folder / "croissant.json")
    with pytest.raises(mlcroissant.GenerationError) as failure:
        list(described.records("configurations"))
    assert "not identical with the reference" in str(failure.value.__cause__)


def test_croissant_names_every_file_with_its_sha256(released) -> None:
    listed = {file["contentUrl"]: file["sha256"] for file in load(released, "croissant.json")["distribution"]}
    assert {file.path: file.sha256 for file in released.record.files}.items() <= listed.items()


@pytest.fixture(scope="session")
def validate_crate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[str]]:
    """roc-validator, offline: its cache of contexts holds that of RO-Crate 1.3, put there as if it had been fetched."""
    cache = tmp_path_factory.mktemp("rocrate") / "http"
    url = "https://w3id.org/ro/crate/1.3/context"
    request = PreparedRequest()
    request.prepare("GET", url, headers={"Accept": "application/ld+json, application/json, */*;q=0.1"})
    response = Response()
    response.status_code, response.url, response.request = 200, url, request
    body = io.BytesIO((STANDARDS / "ro-crate-1.3-context.json").read_bytes())
    headers = {"Content-Type": "application/ld+json"}
    response.raw = HTTPResponse(body, headers, 200, preload_content=False, request_url=url)
    response.headers.update(headers)
    with CachedSession(str(cache), backend="sqlite") as session:
        session.cache.save_response(response, session.cache.create_key(request))

    def validate(folder: Path) -> list[str]:
        settings = ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="ro-crate-1.3",
            requirement_severity=Severity.RECOMMENDED,
            offline=True,
            cache_path=cache,
        )
        return [f"{issue.check.identifier}: {issue.message}" for issue in services.validate(settings).get_issues()]

    return validate


def test_ro_crate_follows_1_3_and_its_recommendations_but_for_a_lost_file(
    released, validate_crate, tmp_path: Path
) -> None:
    """One run, which takes seconds: what it says of a crate without one file is that the file is missing."""
    folder = tmp_path / "copy"
    shutil.copytree(released.folder, folder)
    (folder / "data.extxyz").unlink()
    issues = {issue for issue in validate_crate(folder) if issue.split(":")[0] not in NOT_KNOWN}
    assert issues, "the validator did not see that data.extxyz is missing"
    assert all("data.extxyz" in issue for issue in issues), "\n".join(sorted(issues))


def test_ro_crate_describes_every_id_it_refers_to(released) -> None:
    graph = load(released, "ro-crate-metadata.json")["@graph"]
    identifiers = [entity["@id"] for entity in graph]
    assert len(set(identifiers)) == len(identifiers)
    values = [value for entity in graph for name, value in entity.items() if name != "@type"]
    assert all(len(value) > 1 for value in values if isinstance(value, list)), "one value stands alone"
    assert any(isinstance(value, list) for value in values)

    def references(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(references, value))
        return {value["@id"]} if isinstance(value, dict) else set()

    referred = {r for entity in graph for r in references(list(entity.values()))}
    assert referred - set(identifiers) == {"https://w3id.org/ro/crate/1.3"}


def test_table_reads_back_as_stored(released) -> None:
    dataset = open_store(released.folder / "data.zarr.zip")
    with (released.folder / "configurations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert np.array_equal([float(row["energy"]) for row in rows], dataset["energy"].to_numpy())
    assert [row["split"] == "validation" for row in rows] == (dataset["split"].to_numpy() == 1).tolist()
    assert rows[3]["order_parameter"] == ""


def test_a_release_without_a_store_is_refused(released, tmp_path: Path) -> None:
    record = released.record.model_copy(update={"files": ()})
    with pytest.raises(NotFoundError, match=r"\.zarr\.zip"):
        write_documents(tmp_path, record, released.registry)
