"""Commands about stored datasets: list, show, check, card, blame."""

import json
import shutil

import pytest
from ase.build import bulk
from ase.io import write

from foundational.cli.inspection import _bytes, _steps
from foundational.data.store import open_store
from foundational.inspection.blame import Blame, Step
from foundational.testing.project import copy_project


def test_list_is_a_table_with_one_line_for_each_dataset(foundational, distilled_project):
    outcome = foundational("list", cwd=distilled_project)
    assert outcome.status == 0
    head, *rows = outcome.out.splitlines()
    assert head.split() == ["name", "version", "element", "configurations", "size", "data", "validated"]
    assert [row.split()[0] for row in rows] == ["ni", "ni-holdout", "pools/ni-momt-108", "pools/ni-momt-32"]
    name, version, element, count, _, unit, here, validated = rows[0].split()
    assert (name, version, element, count, here, validated) == ("ni", "–", "Ni", "40", "here", "–")
    assert unit in {"B", "kB", "MB"}


def test_list_as_json_has_the_promised_keys(foundational, distilled_project):
    listed = json.loads(foundational("list", "--json", cwd=distilled_project).out)["datasets"]
    assert [entry["kind"] for entry in listed] == ["dataset", "dataset", "pool", "pool"]
    for entry in listed:
        assert set(entry) == {
            *("name", "kind", "version", "element", "n_configurations", "n_atoms", "size", "here", "validated"),
            "problem",
        }
        assert entry["problem"] is None
        assert entry["size"] > 0


def test_list_says_what_is_not_on_this_machine_and_which_record_is_damaged(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    shutil.rmtree(root / "datasets" / "ni" / "data.zarr")
    (root / "datasets" / "ni-holdout" / "provenance.json").write_text("{")
    lines = foundational("list", cwd=root).out.splitlines()
    assert "not here" in lines[1]
    assert any(line.startswith("ni-holdout: ") for line in lines)
    assert lines[-1] == "fetch data that are not here with: dvc pull datasets/ni/data.zarr"


def test_list_outside_of_a_project_says_how_to_get_a_release(foundational, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    outcome = foundational("list", cwd=tmp_path)
    assert outcome.out == "no datasets here; download a release with: foundational pull NAME --from URL\n"


def test_show_needs_no_number_of_the_data(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    shown = foundational("show", "ni", "--json", cwd=root).out
    chunk = max((root / "datasets/ni/data.zarr/forces").rglob("*"), key=lambda path: path.stat().st_size)
    chunk.chmod(0o644)
    chunk.write_bytes(bytes(chunk.stat().st_size))
    assert foundational("show", "ni", "--json", cwd=root).out == shown
    assert foundational("check", "ni", cwd=root).status == 1


def test_show_has_the_promised_keys(foundational, distilled_project):
    shown = json.loads(foundational("show", "ni", "--json", cwd=distilled_project).out)
    assert {"name", "element", "version", "fingerprint", "n_configurations", "n_atoms", "labeller", "parent"} <= set(
        shown
    )
    assert shown["version"] is None
    assert (shown["n_configurations"], shown["n_atoms"]) == (40, 1280)


def test_check_prints_one_line_a_rule(foundational, distilled_project):
    outcome = foundational("check", "ni", cwd=distilled_project)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[-1] == "ni: 40 configurations, no defect"
    assert all(line.startswith(("passed", "not applicable")) for line in lines[:-1])


def test_check_writes_a_page_and_records_its_limits(foundational, distilled_project, tmp_path):
    page = tmp_path / "new" / "ni.html"
    outcome = foundational(
        "check", "ni", "--json", "--html", str(page), "--limit", "net-force=0.5", cwd=distilled_project
    )
    report = json.loads(outcome.out)
    assert report["limits"]["net_force"] == 0.5
    assert (report["violations"], {finding["status"] for finding in report["findings"]} - {"not applicable"}) == (
        [],
        {"passed"},
    )
    assert "<td>net-force</td><td>0.5</td>" in page.read_text(encoding="utf-8")


def test_card_writes_the_page_and_its_record(foundational, distilled_project, tmp_path):
    page = tmp_path / "new" / "ni.html"
    outcome = foundational("card", "ni", "-o", str(page), "--still", "--json", cwd=distilled_project)
    stated = json.loads(outcome.out)
    assert (stated["page"], stated["interactive"], stated["configurations"]) == (str(page), False, 40)
    assert json.loads(page.with_suffix(".json").read_text())["fingerprint"] == stated["fingerprint"]
    assert foundational("card", "nothing", "-o", str(page), cwd=distilled_project).status == 1


def test_a_card_of_some_configurations_says_which(foundational, distilled_project, tmp_path):
    page, condition = tmp_path / "ni.html", "pressure > 0 GPa"
    asked = ("ni", "--where", condition, "--json")
    chosen = json.loads(foundational("show", *asked, cwd=distilled_project).out)
    outcome = foundational("card", *asked, "-o", str(page), "--still", cwd=distilled_project)
    stated = json.loads(outcome.out)
    assert 0 < stated["configurations"] == chosen["n_selected"] < 40
    record = json.loads(page.with_suffix(".json").read_text())
    assert (record["stage"], record["settings"]["where"]) == ("select", condition)
    assert record["limits"][-1] == f"only the configurations with {condition}"
    assert {finding["status"] for finding in record["findings"]} <= {"passed", "not applicable"}


def test_blame_follows_a_configuration_to_its_pool(foundational, distilled_project):
    with open_store(distilled_project / "datasets/ni/data.zarr") as dataset:
        key = dataset["id"].to_numpy()[7].tobytes().hex()
        row = {name: dataset[name].to_numpy()[7].item() for name in ("walker", "step", "selection_round")}
    found = json.loads(foundational("blame", "ni", key[:12], "--json", cwd=distilled_project).out)
    assert found["id"] == key
    own, pool = found["steps"]
    assert (own["dataset"], own["row"], own["stage"], pool["dataset"]) == ("ni", 7, "distill", "pools/ni-momt-32")
    assert row.items() <= own["facts"].items()
    assert pool["found"]
    assert (pool["id"], pool["facts"]["step"]) == (key, row["step"])
    text = foundational("blame", "ni", f"0x{key}", cwd=distilled_project).out
    assert "pools/ni-momt-32" in text
    assert "labelled by lammps:NiNb" in text


def test_blame_says_what_it_knows_without_the_data_of_a_parent(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    shutil.rmtree(root / "datasets/pools/ni-momt-32/data.zarr")
    with open_store(root / "datasets/ni/data.zarr") as dataset:
        key = dataset["id"].to_numpy()[0].tobytes().hex()
    pool = json.loads(foundational("blame", "ni", key, "--json", cwd=root).out)["steps"][1]
    assert (pool["dataset"], pool["found"], pool["row"], pool["facts"]) == ("pools/ni-momt-32", False, None, {})
    assert "not here" in pool["note"]


@pytest.mark.parametrize(
    ("identity", "said"),
    [("zz", "hexadecimal"), ("abc", "hexadecimal"), ("0" * 32, "no configuration"), ("0" * 33, "hexadecimal")],
)
def test_blame_refuses_what_is_no_id_of_the_set(foundational, distilled_project, identity, said):
    outcome = foundational("blame", "ni", identity, cwd=distilled_project)
    assert outcome.status == 1
    assert said in outcome.err
    assert outcome.err.count("\n") == 1


def test_list_counts_what_fulfils_a_condition_and_says_where_data_are_absent(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    shutil.rmtree(root / "datasets" / "ni-holdout" / "data.zarr")
    counted = foundational("list", "--where", "atoms = 32", cwd=root).out.splitlines()
    assert counted == [
        "ni                 40",
        "ni-holdout         data are not here",
        "pools/ni-momt-108  20",
        "pools/ni-momt-32   120",
    ]
    document = json.loads(foundational("list", "--where", "round > 0", "--json", cwd=root).out)
    assert document["selected"] == {"ni": 20, "ni-holdout": None, "pools/ni-momt-108": 0, "pools/ni-momt-32": 0}
    assert document["where"] == "round > 0"
    wrong = foundational("list", "--where", "colour = red", cwd=root)
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)


def test_list_says_which_data_passed_their_validation(foundational, distilled_project, tmp_path):
    root = copy_project(distilled_project, tmp_path / "project")
    fingerprint = json.loads((root / "datasets/ni/provenance.json").read_text())["output"]["fingerprint"]
    report = root / "metrics" / "validate" / "ni.json"
    report.parent.mkdir(parents=True)
    for content, shown in (
        ({"passed": True, "fingerprint": fingerprint}, "passed"),
        ({"passed": False, "fingerprint": fingerprint}, "failed"),
        ({"passed": True, "fingerprint": "0" * 64}, "–"),
    ):
        report.write_text(json.dumps(content))
        assert foundational("list", cwd=root).out.splitlines()[1].split()[-1] == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(None, "–"), (999, "999 B"), (1_234_000, "1.2 MB"), (5_200_000_000_000_000, "5200 TB")]
)
def test_sizes_have_the_largest_unit_that_leaves_a_number_above_one(size, shown):
    assert _bytes(size) == shown


def test_a_deep_check_of_few_configurations_concludes_nothing(foundational, tmp_path):
    write(tmp_path / "few.xyz", [bulk("Ni", cubic=True), bulk("Ni", a=3.6, cubic=True)])
    lines = foundational("check", "few.xyz", "--deep", cwd=tmp_path).out.splitlines()
    rules = [line for line in lines if "networks: " in line]
    assert [line.split()[:2] for line in rules] == [["not", "applicable"]] * 2
    assert "fewer than 8 configurations of two or more atoms have energies" in rules[0]


def test_a_card_without_chemiscope_is_still_and_says_what_to_install(
    foundational, distilled_project, tmp_path, monkeypatch
):
    monkeypatch.setattr("foundational.card.drawing.viewer.chemiscope_library", lambda: None)
    outcome = foundational("card", "ni", "-o", str(tmp_path / "ni.html"), cwd=distilled_project)
    assert outcome.out.splitlines()[1] == "40 of 40 configurations are points of the map"
    assert outcome.err == "the map is still; for the interactive one: pip install 'foundational[cards]'\n"


def test_blame_is_printed_step_by_step_with_what_is_known_of_each():
    own = Step(
        dataset="ni", version="1.1.0", fingerprint="0" * 64, stage="distill", did="selected in round 2",
        by="lammps:NiNb", found=True, id="ab" * 16, row=7, facts={"uncertainty": 0.0123456789, "split": "train"},
    )  # fmt: skip
    parent = own.model_copy(
        update={"dataset": "pools/p", "version": None, "row": None, "facts": {}, "id": "cd" * 16, "note": "not here"}
    )
    assert list(_steps(Blame(name="ni", id="ab" * 16, steps=(own, parent)))) == [
        f"ni: configuration {'ab' * 16}",
        "ni@1.1.0, configuration 7: selected in round 2, labelled by lammps:NiNb",
        "    uncertainty 0.0123457 eV, split train",
        "pools/p: selected in round 2, labelled by lammps:NiNb",
        f"    its id there is {'cd' * 16}",
        "    not here",
    ]
    removed = Blame(name="ni", id="ab" * 16, steps=(), removed_in="2.0.0", reason="atoms overlap")
    assert list(_steps(removed))[-1] == "removed in 2.0.0: atoms overlap"
