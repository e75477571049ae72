import json
from itertools import pairwise

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.batches import to_configurations
from foundational.data.distances import shortest_distances
from foundational.data.store import open_store
from foundational.engines.crystals.references import reference_crystals
from foundational.engines.lammps.labeller import LammpsLabeller
from foundational.engines.lammps.potentials import potential_for
from foundational.engines.lammps.test_frames import npt_frames
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.progress import stage_of
from foundational.reports.survey_page import PAGE, _worst, draw, tables, write_survey
from foundational.science.crystals import build_crystal
from foundational.specs.parsing import merge, read_yaml
from foundational.specs.translate import NptTestSpec
from foundational.stages.survey.command import read_metals, read_pool_tests, run_pool_test, survey_metal
from foundational.stages.survey.stage import MetalReport
from foundational.stages.translate.command import Transfer, translate_dataset
from foundational.stages.translate.length_scale import References, length_factor, scale_configurations
from foundational.testing.crystals import labelled_dataset
from foundational.testing.project import copy_project, store_pool

TEST = {
    "cells": {"fcc": [3, 3, 3], "bcc": [4, 4, 4], "hcp": [4, 3, 2]},
    "melting": {"coldest": 0.008, "hottest": 0.1, "step": 0.04, "displacement": 0.5, "overheating": 1.25},
    "frames": 4,
    "solid": 0.5,
    "liquid": 1.0,
    "timestep": 2.0,
    "thermostat_time": 200.0,
    "barostat_time": 1000.0,
    "heating": 200.0,
    "equilibration": 600.0,
    "stride": 100.0,
}
METALS = {"parent": "ni", "rule": "volume", "members": 2, "epochs": 2, "test": TEST, "potentials": {"Al": "Al_mm"}}
TRAINING = {"recipe": {"training": {"least_steps": None}}}


def printed(root, *words):
    """What a command says, where it works."""
    done = CliRunner().invoke(app, [*words, "--root", str(root)])
    assert done.exit_code == 0, done.exception
    return done.stdout


@pytest.fixture(scope="module")
def project(distilled_project, tmp_path_factory):
    root = copy_project(distilled_project, tmp_path_factory.mktemp("metals") / "project")
    params = merge(read_yaml(root / "params.yaml"), {"ani": TRAINING})
    params["translate"]["metals"] = METALS
    params["translate"]["parity"] = {"local/al": "local-al"}
    YAML().dump(params, root / "params.yaml")
    translate_dataset(root, "ni", "Al", transfer=Transfer(crystals=[]))
    made = open_store(root / "datasets/local/al/data.zarr").load()
    pool = scale_configurations(to_configurations(made), 1.01, "Al")
    labeller = LammpsLabeller(potential_for("Al", root))
    store_pool(root, "local-al", labelled_dataset(pool, labeller, "Al"), labeller)
    return root


@pytest.fixture(scope="module")
def nickel(project):
    return reference_crystals(LammpsLabeller(potential_for("Ni", project)), "Ni")


@pytest.fixture(scope="module")
def parent(project):
    return open_store(project / "datasets/ni/data.zarr").load()


@pytest.mark.parametrize("rule", ["lattice", "nearest-neighbour", "volume", "virial"])
def test_a_metal_is_as_long_as_itself(parent, nickel, rule):
    assert length_factor(rule, parent, References(nickel, nickel), nickel.labeller) == pytest.approx(1.0, abs=2e-4)


def test_matching_the_virial_gives_the_configurations_the_parent_s(parent, nickel, project):
    """In cohesive energies, the mean of tr σ V / 3N over the scaled configurations is that over the parent's."""
    aluminium = reference_crystals(LammpsLabeller(potential_for("Al", project)), "Al")
    scale = length_factor("virial", parent, References(nickel, aluminium), aluminium.labeller)
    volume = length_factor("volume", parent, References(nickel, aluminium), aluminium.labeller)
    assert 0.95 < scale / volume < 1.05
    made = aluminium.labeller.label(_scale_configurations(parent, scale))
    n_atoms, cell = parent["n_atoms"].to_numpy(), parent["cell"].to_numpy()
    virials = [
        float(np.mean(np.trace(stress, axis1=1, axis2=2) / 3 * np.linalg.det(lattice) / n_atoms)) / energy
        for stress, lattice, energy in (
            (parent["stress"].to_numpy(), cell, nickel.cohesive_energy("fcc")),
            (made.stress, cell * scale, aluminium.cohesive_energy("fcc")),
        )
    ]
    assert virials[1] == pytest.approx(virials[0], abs=1e-4)


def _scale_configurations(parent, scale):
    return scale_configurations(to_configurations(parent), scale, "Al")


@pytest.mark.parametrize("structure", ["fcc", "hcp"])
def test_test_frames_are_a_solid_and_a_liquid_without_pressure(project, structure):
    """The liquid is higher in energy by about the heat of fusion, 0.1 eV/atom; both hold themselves at their volume."""
    element = {"fcc": "Al", "hcp": "Mg"}[structure]
    reference = reference_crystals(LammpsLabeller(potential_for(element, project)), element)
    crystal = build_crystal(structure, reference.isotropic[structure].volume_per_atom, (3, 2, 2))
    spec = NptTestSpec.model_validate(TEST | {"frames": 8, "stride": 50.0})
    potential = reference.labeller.potential
    found = npt_frames(potential, element, crystal, reference.cohesive_energy(structure), spec, seed=1)
    energies = []
    for batch in (found.solid, found.liquid):
        assert len(batch) == 8
        assert shortest_distances(batch).min() > 1.8
        energies.append((LammpsLabeller(potential).label(batch).energy / batch.n_atoms).mean())
    assert 600 < found.limit < 2500
    assert 0.05 < energies[1] - energies[0] < 0.4


def test_a_metal_is_judged_and_the_page_shows_it(project):
    said = []
    report = survey_metal(project, "Al", write=True, progress=lambda done, total, message: said.append(message))
    stages = dict.fromkeys((stage_of(message), message.partition("; then ")[2]) for message in said)
    assert list(stages) == [
        ("labelling", "training"),
        ("training", "tests"),
        ("solid", "liquid"),
        ("liquid", "crystals"),
    ]
    stored = json.loads((project / "metrics/translate/Al.json").read_text())
    assert MetalReport.model_validate(stored) == report
    assert stored["seeds"] == 2
    assert 1.13 < stored["scale"] < 1.17
    assert stored["reference_order"] == ["fcc", "hcp", "bcc"]
    assert stored["mae_meV_per_atom"] == pytest.approx(
        (stored["mae_solid_meV_per_atom"] + stored["mae_liquid_meV_per_atom"]) / 2
    )
    with pytest.raises(NotFoundError, match="foundational survey pool local/al --write"):
        write_survey(project)
    picture = project / "build" / "pool.svg"
    said_of_pool = printed(project, "survey", "pool", "local/al", "--write", "--plot", str(picture))
    (parity,) = read_pool_tests(project)
    assert f"| local/al | local-al, 40 | {np.mean(parity.mae_meV_per_atom):.3f} ±" in said_of_pool
    assert picture.read_text().startswith("<?xml")
    with pytest.raises(NotFoundError, match="no page docs/translation"):
        write_survey(project)
    (project / "docs").mkdir(exist_ok=True)
    page = project / "docs/translation.md"
    names = ("metals", "parity", "table-3")
    page.write_text("".join(f"before\n<!-- begin: {name} -->\nold\n<!-- end: {name} -->\nafter\n" for name in names))
    shown = printed(project, "survey", "page")
    text = page.read_text()
    assert shown.strip() in text
    assert json.loads(printed(project, "survey", "page", "--json")) == {"Al": stored}
    assert text.count("before\n") == text.count("after\n") == 3
    assert "old" not in text
    assert "| Al | Al_mm | 1.15" in text
    assert f"| local/al | local-al, 40 | {np.mean(parity.mae_meV_per_atom):.3f} ±" in text
    assert (project / "docs/figures/translation_parity.svg").read_text().startswith("<?xml")
    assert list(json.loads((project / "metrics/translate.json").read_text())) == ["Al"]


def test_what_is_not_in_the_table_is_refused(project):
    added = Transfer(refine_by=3, refine_from="local-al")
    with pytest.raises(NotFoundError, match="did you mean 'Al'"):
        survey_metal(project, "Ag")
    with pytest.raises(InputError, match="expected a rule among"):
        survey_metal(project, "Al", variation=Transfer(rule="colour"))
    with pytest.raises(InputError, match=r"rule and crystals of params\.yaml.* got lattice"):
        survey_metal(project, "Al", variation=Transfer(rule="lattice"), write=True)
    with pytest.raises(InputError, match=r"got volume, \(\)"):
        survey_metal(project, "Al", variation=Transfer(crystals=[]), write=True)
    with pytest.raises(InputError, match="3 added"):
        survey_metal(project, "Al", variation=added, write=True)


def test_a_metal_is_judged_with_frames_of_its_own(project):
    everything = printed(project, "survey", "run", "all", "--workers", "1", "--write")
    (plain,) = read_metals(project).values()
    assert everything.startswith("| metal | potential |")
    assert everything.count("| Al | Al_mm | ") == 1
    assert everything.endswith(" of 1 metals have the correct ranking in at least four of five networks.\n")
    picture = project / "build" / "al.svg"
    added = ("--refine", "3", "--refine-from", "local-al", "--workers", "1", "--plot", str(picture), "--json")
    refined = MetalReport.model_validate_json(printed(project, "survey", "run", "Al", *added))
    assert refined.frames == plain.frames + 3
    assert refined.mae_meV_per_atom != plain.mae_meV_per_atom
    assert picture.read_text().startswith("<?xml")


def test_parity_is_over_every_frame_and_by_energy(project):
    report = run_pool_test(project, "local/al")
    assert report.frames == 40
    assert len(report.parts) == 5
    assert np.mean([part.mae_meV_per_atom for part in report.parts], axis=0) == pytest.approx(report.mae_meV_per_atom)
    edges = [(part.from_eV_per_atom, part.to_eV_per_atom) for part in report.parts]
    assert all(low <= high for low, high in edges)
    assert all(a[1] <= b[0] for a, b in pairwise(edges))
    assert len(report.rank_ok) == len(report.mae_meV_per_atom) == 2


def test_frames_that_a_set_was_refined_with_are_no_test(project):
    translate_dataset(
        project, "ni", "Al", name="local/al-refined", transfer=Transfer(refine_by=3, refine_from="local-al")
    )
    assert run_pool_test(project, "local/al-refined", "local-al").frames == 37


def test_a_pool_of_another_metal_is_no_test(project):
    with pytest.raises(ConflictError, match=r"expected a pool of Al .* is Ni by lammps:NiNb"):
        run_pool_test(project, "local/al", "ni-momt-32")
    with pytest.raises(NotFoundError, match="no pool for 'ni'"):
        run_pool_test(project, "ni")


def test_the_page_of_this_project_is_that_of_its_numbers(checkout):
    page = (checkout / PAGE).read_text(encoding="utf-8")
    for name, shown in tables(read_metals(checkout), read_pool_tests(checkout)).items():
        assert f"<!-- begin: {name} -->\n{shown}\n<!-- end: {name} -->" in page


def test_no_report_is_no_figure_and_a_missing_minimum_a_dash(tmp_path):
    draw(tmp_path / "figure.svg", [])
    assert not (tmp_path / "figure.svg").exists()
    assert (_worst((1.0, None), 1), _worst((1.0, -2.0), 1)) == ("–", "−2.0")
