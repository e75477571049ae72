import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.fingerprint import configuration_ids, hexadecimal
from foundational.errors import InputError, NotFoundError
from foundational.reports.paper_figures import draw
from foundational.reports.paper_page import FIGURES, PAGE, filled_page, page_tables, read_numbers, write_page
from foundational.reproduction import training_sets
from foundational.reproduction.command import compare_method, compare_sets
from foundational.specs.params import read_params
from foundational.specs.parsing import read_yaml
from foundational.workspace.pools import open_pool

SMALL = {
    "settings": "ni",
    "test": "ni-momt-32",
    "frame_atoms": 32,
    "shown": 1000,
    "properties": [40],
    "members": 2,
    "epochs": 1,
    "least_steps": 200,
    "thin": 10,
    "methods": {
        "random": {"method": "random", "pool": "ni-momt-32", "budgets": [22, 40], "seeds": 2},
        "random-full": {"method": "random", "pool": "ni-momt-32", "budgets": [22], "seeds": 1, "full_training": True},
    },
    "sets": {
        "momt": {"source": "pools/ni-momt-32", "frames": 60},
        "distilled": {"source": "ni", "frames": 40},
        "undistilled": {"source": "pools/ni-momt-32", "frames": 40},
    },
    "tested_on": ["ni-momt-32"],
    "training_fraction": 0.5,
    "networks": {"recipe": 1, "published": 1},
    "published_epochs": 1,
}

#: What the commands said, by method or settings.
SAID = {}


@pytest.fixture(scope="module")
def root(distilled_project, checkout, tmp_path_factory):
    """The small project with every number that the page is made of."""
    root = tmp_path_factory.mktemp("paper") / "project"
    shutil.copytree(distilled_project, root, symlinks=True)
    params = read_yaml(root / "params.yaml")
    params["paper"] = SMALL
    params["ani"]["published"]["network"]["hidden"] = [16]
    params["ani"]["recipe"]["training"]["least_steps"] = 200
    YAML().dump(params, root / "params.yaml")
    for kind, names in (("method", SMALL["methods"]), ("sets", ("recipe", "published"))):
        for name in names:
            SAID[name] = printed("paper", kind, name, root=root).splitlines()
    return root


def printed(*words, root):
    """What a command says, where it works."""
    done = CliRunner().invoke(app, [*words, "--root", str(root)])
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_a_comparison_says_what_it_found_and_where_it_is_kept(root):
    """A mean over the networks of a row, and of a training set over the networks on a pool."""
    *lines, place = SAID["random"]
    assert place == "metrics/paper/method-random.json"
    for line, row in zip(lines, numbers(root, "method-random")["rows"], strict=True):
        mean = {key: np.mean(row["ni-momt-32"][key]) for key in ("mae_meV", "p99_meV", "max_meV")}
        assert line == (
            f"{row['frames']:>5,} frames, seed {row['seed']}: MAE {mean['mae_meV']:.3f}, p99 {mean['p99_meV']:.2f}, "
            f"max {mean['max_meV']:.1f} meV/atom"
        )
    for settings in ("recipe", "published"):
        *lines, place = SAID[settings]
        assert place == f"metrics/paper/sets-{settings}.json"
        stored = numbers(root, f"sets-{settings}")["sets"]
        for line, (name, row) in zip(lines, stored.items(), strict=True):
            (error,) = row["errors"]["ni-momt-32"]["mae_meV"]
            assert re.fullmatch(rf"{name} +ni-momt-32 {error:.2f} meV/atom", line)


def numbers(root, name):
    return json.loads((root / f"metrics/paper/{name}.json").read_text())


def test_every_seed_and_budget_has_its_row(root):
    rows = numbers(root, "method-random")["rows"]
    made = [(row["seed"], row["budget"], row["frames"]) for row in rows]
    assert made == [(0, 22, 22), (0, 40, 40), (1, 22, 22), (1, 40, 40)]
    assert all(len(row["ni-momt-32"]["mae_meV"]) == 2 for row in rows)
    assert ["c11_GPa" in row for row in rows] == [False, True] * 2


def test_errors_are_ordered_and_seeds_differ(root):
    for row in numbers(root, "method-random")["rows"]:
        errors = row["ni-momt-32"]
        assert np.all(np.array(errors["mae_meV"]) < np.array(errors["p99_meV"]))
        assert np.all(np.array(errors["p99_meV"]) <= np.array(errors["max_meV"]))
        assert len(set(errors["mae_meV"])) == 2


def test_no_network_is_tested_on_a_configuration_that_it_was_trained_on(root, monkeypatch):
    """By ids: of every network those that it got for training, and those behind the energies of its errors."""
    trained, tested = [], []

    def train(spec, configurations, rows, seed):
        ids = hexadecimal(configuration_ids(configurations))
        trained.extend({ids[row] for row in own} for own in rows)
        return real_train(spec, configurations, rows, seed)

    def error_table(predicted, energies):
        tested.append(energies)
        return real_table(predicted, energies)

    real_train, real_table = training_sets.train, training_sets.error_table
    monkeypatch.setattr(training_sets, "train", train)
    monkeypatch.setattr(training_sets, "error_table", error_table)
    monkeypatch.setattr("foundational.reproduction.command.write_json", lambda *_: None)
    compare_sets(root, "recipe")
    pool = open_pool(root, "ni-momt-32")[0]
    energies = (pool["energy"] / pool["n_atoms"]).to_numpy().tolist()
    by_energy = dict(zip(energies, hexadecimal(pool["id"].to_numpy()), strict=True))
    assert len(by_energy) == 120
    assert [len(own) for own in trained] == [30, 20, 20]
    for own, values in zip(trained, tested, strict=True):
        ids = {by_energy[value] for value in values.tolist()}
        assert ids == set(by_energy.values()) - own


def test_the_page_holds_every_number_and_writing_it_again_changes_nothing(root):
    names = [
        "methods-22",
        "methods-40",
        "properties-40",
        "random-full",
        "sets-recipe",
        "sets-published",
        "crystals-recipe",
    ]
    names += ["crystals-published", "self-energies", "distilled", "missing"]
    (root / "docs").mkdir()
    text = "".join(f"# {n}\n<!-- begin: {n} -->\n<!-- end: {n} -->\nwords\n" for n in names)
    (root / PAGE).write_text(text)
    said = printed("paper", "page", root=root).splitlines()
    drawn = list(map(Path, said))
    page = (root / PAGE).read_text()
    assert page == filled_page(root)
    assert page.count("words\n") == len(names)
    first = np.mean([v for row in numbers(root, "method-random")["rows"][::2] for v in row["ni-momt-32"]["mae_meV"]])
    assert f"| random | {first:.3f} ±" in page
    before = {p: p.read_bytes() for p in drawn}
    write_page(root)
    assert {p: p.read_bytes() for p in drawn} == before
    assert {p.name for p in (root / FIGURES).iterdir()} == {f"paper_fig{n}.svg" for n in ("2a", "2b", "3a", "s2")}


def test_a_page_that_lacks_a_table_is_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "project", symlinks=True)
    page = tmp_path / "project" / PAGE
    page.parent.mkdir(exist_ok=True)
    page.write_text("no markers\n")
    with pytest.raises(InputError, match="methods-22"):
        filled_page(tmp_path / "project")
    page.unlink()
    with pytest.raises(NotFoundError, match=r"no page docs/paper\.md, into which the tables go"):
        filled_page(tmp_path / "project")


def test_numbers_that_are_not_there_are_named_with_the_stage_that_computes_them(root, tmp_path):
    shutil.copytree(root, tmp_path / "project", symlinks=True)
    for path in (tmp_path / "project" / "metrics" / "paper").glob("*-re*.json"):
        path.unlink()
    numbers_left = read_numbers(tmp_path / "project")
    assert numbers_left.missing == ("paper-sets@recipe",)
    tables = page_tables(read_params(tmp_path / "project" / "params.yaml").comparison, numbers_left)
    assert "paper-sets@recipe" in tables["sets-recipe"]
    assert tables["missing"] == f"* {tables['sets-recipe']}"
    assert draw(tmp_path, {}, None, "ni-momt-32") == []


def test_what_is_not_there_is_named(root, checkout):
    with pytest.raises(NotFoundError, match="did you mean 'random'"):
        compare_method(root, "randon")
    with pytest.raises(InputError, match="recipe, general, published"):
        compare_sets(root, "mine")


def test_the_page_of_this_project_is_that_of_its_numbers(checkout):
    if not (checkout / PAGE).exists():
        pytest.fail(f"{PAGE} is missing; write it with: foundational paper page")
    assert (checkout / PAGE).read_text(encoding="utf-8") == filled_page(checkout)
    assert read_params(checkout / "params.yaml").paper.settings == "ni-5pct"
