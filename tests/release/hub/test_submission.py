"""A submission to the ColabFit Exchange holds what was released, and its issue says what the files hold."""

import json
import re

import numpy as np
import pytest
from ase.io import iread
from typer.testing import CliRunner

from foundational.card.colabfit import submission_issue
from foundational.card.sources import read_card
from foundational.cli.main import app
from foundational.data.conversion import from_atoms
from foundational.data.fingerprint import configuration_ids
from foundational.errors import InputError
from foundational.release.registry.version import parse_dataset_version
from foundational.stages.publish.command import write_submission

#: Labels of the form, in its order (colabfit/data-lake, submit_dataset.yml).
FORM = (
    "Name", "Email", "Dataset name", "Authors", "Publication link", "Data link", "Additional links",
    "Dataset description", "File details", "Method", "Method (other)", "Software", "Software (other)",
    "Software version(s)", "Additional details", "Property types", "Energy field conjugate with forces",
    "Other/additional property", "Property details", "Elements", "Number of Configurations", "Naming convention",
    "Configuration sets", "Configuration labels", "Distribution license", "Permissions",
)  # fmt: skip


@pytest.fixture(scope="module")
def submission(released_template, tmp_path_factory):
    out = tmp_path_factory.mktemp("colabfit") / "submission"
    arguments = ["publish", "colabfit", "ni@1.1.0", "-o", str(out), "--json", "--root", str(released_template.root)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    return out, json.loads(outcome.stdout)


def test_ase_reads_back_every_configuration_with_its_labels(submission, nickel):
    out, document = submission
    folder = out / "ni_1_1_0"
    assert {path.name for path in folder.iterdir()} == document["configurations"].keys(), "only files of the dataset"
    frames = [atoms for path in sorted(folder.iterdir()) for atoms in iread(path, ":")]
    cells = from_atoms([atoms for atoms in frames if atoms.info.get("config_type") != "IsolatedAtom"])
    found = {key.tobytes(): place for place, key in enumerate(configuration_ids(cells))}
    released = {key.tobytes(): place for place, key in enumerate(nickel["id"].to_numpy())}
    assert found.keys() == released.keys()
    places = [found[key] for key in released]
    assert cells.labels is not None
    np.testing.assert_array_equal(cells.labels.energy[places], nickel["energy"])
    np.testing.assert_allclose(cells.labels.stress[places], nickel["stress"], rtol=1e-12, atol=1e-15)


def test_the_issue_has_every_field_of_the_form_and_says_what_the_files_hold(submission):
    out, document = submission
    parts = re.split(r"^### (.*)$", (out / "issue.md").read_text(), flags=re.MULTILINE)
    fields = dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))
    assert tuple(fields) == FORM
    assert fields["Number of Configurations"] == str(sum(document["configurations"].values()))
    assert (fields["Elements"], fields["Distribution license"], fields["Authors"]) == ("Ni", "CC-BY-4.0", "Anna Tester")
    assert fields["Property types"] == "Potential energy, Atomic forces, Cauchy stress"
    assert fields["Method"] == "Other (provide method below)"
    assert "lammps:NiNb" in fields["Method (other)"]
    frame = next(iread(next((out / "ni_1_1_0").iterdir()), ":"))
    assert {"energy", "forces", "stress"} <= frame.calc.results.keys()
    for key in ("energy", "forces", "stress"):
        assert f" {key}" in fields["Property details"]
    assert int(str(frame.info["id"]), 16) >= 0


def test_a_theory_that_the_form_offers_is_chosen(released_template):
    card = read_card("ni", released_template.root).record
    method = card.contents.methods[0].model_copy(
        update={"facts": {"program": "VASP 6.3.0", "functional": "PBE"}, "summary": "VASP, PBE"}
    )
    contents = card.contents.model_copy(update={"methods": (method,)})
    text = submission_issue(card.model_copy(update={"contents": contents}), {"train.extxyz": (1, 1)})
    assert "### Method\n\nDFT\n" in text
    assert "### Software\n\nVASP\n" in text


def test_a_version_is_needed(released_template, tmp_path):
    with pytest.raises(InputError, match="expected a version"):
        write_submission(released_template.root, parse_dataset_version("ni"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
