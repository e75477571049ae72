"""Inputs written for programs elsewhere, and what comes back: nothing is lost, nothing is paired wrongly."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.data.batches import to_configurations
from foundational.data.checks import check_dataset
from foundational.data.store import open_store
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.interchange.importing import ImportChoice
from foundational.interchange.jobs.manifest import read_manifest
from foundational.stages.collect.command import collect_labels
from foundational.stages.importing.command import import_dataset
from foundational.stages.label.command import Wanted, write_label_jobs
from tests.interchange.espresso_output import PwOutput

#: Of Debian's quantum-espresso-data.
PSEUDO = Path("/usr/share/espresso/pseudo/Al.pz-vbc.UPF")
TEMPLATE = """&CONTROL
  calculation = 'scf', pseudo_dir = '/usr/share/espresso/pseudo', outdir = './tmp'
/
&SYSTEM
  ecutwfc = 12.0, occupations = 'smearing', smearing = 'mv', degauss = 0.02
/
&ELECTRONS
  conv_thr = 1.0d-8
/
ATOMIC_SPECIES
Al 26.98 Al.pz-vbc.UPF
K_POINTS automatic
2 2 2 1 1 1
"""


def project(root, count):
    """A project with ``count`` small cells of aluminium, none like another."""
    root.mkdir()
    (root / "dvc.yaml").write_text("")
    rng = np.random.default_rng(1)
    frames = []
    for i in range(count):
        n = 2 + 2 * (i % 2)
        base = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5]])[:n]
        cell = (3.3 if n == 2 else 4.1) * (np.eye(3) + rng.normal(scale=0.02, size=(3, 3)))
        frames.append(Atoms(f"Al{n}", cell=cell, positions=base @ cell + rng.normal(scale=0.05, size=(n, 3)), pbc=True))
    write(root / "al.xyz", frames)
    import_dataset(root, [root / "al.xyz"], "local/al", ImportChoice())
    (root / "pw.in").write_text(TEMPLATE)
    return root


def written(root, **wanted):
    write_label_jobs(root, "local/al", "qe", root / "jobs", root / "pw.in", wanted=Wanted(**wanted))
    return root / "jobs"


def answers(jobs):
    """By id: an output with the geometry of that configuration and labels that no other has."""
    store = open_store(jobs / "configurations.zarr").load()
    c = to_configurations(store)
    found = {}
    for i, row in enumerate(store["id"].to_numpy()):
        name = row.tobytes().hex()
        rng = np.random.default_rng(int(name[:8], 16))
        atoms = slice(int(c.offsets[i]), int(c.offsets[i + 1]))
        n = int(c.n_atoms[i])
        forces = rng.normal(size=(n, 3))
        stress = rng.normal(scale=0.01, size=(3, 3))
        found[name] = PwOutput(
            ["Al"] * n,
            c.positions[atoms].astype(float),
            np.array(c.cell[i]),
            -57.0 * n + float(rng.normal()),
            forces - forces.mean(axis=0),
            stress + stress.T,
        )
    return found


def stored_labels(root, name="local/al-qe"):
    dataset = open_store(root / "datasets" / name / "data.zarr").load()
    c = to_configurations(dataset)
    assert not check_dataset(dataset)
    return {
        row.tobytes().hex(): (c.labels.energy[i], c.labels.forces[c.offsets[i] : c.offsets[i + 1]], c.labels.stress[i])
        for i, row in enumerate(dataset["id"].to_numpy())
    }


def assert_right(labels, truth):
    for name, (energy, forces, stress) in labels.items():
        assert energy == pytest.approx(truth[name].energy, rel=1e-6)
        np.testing.assert_allclose(forces, truth[name].forces, atol=1e-5)
        np.testing.assert_allclose(stress, truth[name].stress, atol=1e-5)


def wrong(answer, **changes):
    return PwOutput(**{**vars(answer), **changes}).text()


def moved(answer, by):
    positions = answer.positions.copy()
    positions[0, 1] += by
    return wrong(answer, positions=positions)


#: By what becomes of it: how an output is spoilt, out of the right one.
SABOTAGE = {
    "cut": lambda a: a.text()[: len(a.text()) * 2 // 3],
    "cut by an error": lambda a: a.text().replace("!    total", " Error in routine cdiaghg (159):\n!    total"),
    "cut empty": lambda a: a.text()[:1800],
    "unconverged": lambda a: wrong(a, converged=False),
    "other settings: cutoff": lambda a: wrong(a, cutoff=14.0),
    "other settings: functional": lambda a: wrong(a, functional="SLA PW PBX PBC"),
    "other settings: pseudopotential": lambda a: wrong(a, pseudopotential="Al.pbe.UPF"),
    "other settings: mesh": lambda a: wrong(a, mesh=(1, 2, 2)),
    "other geometry": lambda a: moved(a, 0.02),
    "other atoms: count": lambda a: wrong(a, symbols=a.symbols[1:], positions=a.positions[1:], forces=a.forces[1:]),
    "other atoms: species": lambda a: wrong(a, symbols=["Ni", *a.symbols[1:]]),
    "unreadable": lambda a: re.sub(r"force = +[-\d.]+", "force = ************", a.text(), count=1),
    "unreadable: energy": lambda a: re.sub(r"(!    total energy +=) +[-\d.]+", r"\1 ****************", a.text()),
    "no forces": lambda a: a.text().replace("Forces acting", "No forces acting"),
}


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    root = project(tmp_path_factory.mktemp("label") / "project", 1000)
    return root, written(root)


def test_of_a_thousand_outputs_nothing_is_lost_and_nothing_is_paired_wrongly(thousand):
    """Five in a hundred are spoilt, two in a hundred are absent; when those are repaired, every label is there."""
    root, jobs = thousand
    truth = answers(jobs)
    ids = list(truth)
    for name, answer in truth.items():
        (jobs / name / "pw.out").write_text(answer.text())
    kinds = list(SABOTAGE)
    spoilt = {name: kinds[i % len(kinds)] for i, name in enumerate(ids[:42])}
    for name, kind in spoilt.items():
        (jobs / name / "pw.out").write_text(SABOTAGE[kind](truth[name]))
    swapped = ids[50:56]
    for one, other in zip(swapped[::2], swapped[1::2], strict=True):
        (jobs / one / "pw.out").write_text(truth[other].text())
        (jobs / other / "pw.out").write_text(truth[one].text())
    doubled, contradicted, copied = ids[60:62], ids[62:64], ids[64]
    for name in doubled:
        shutil.copy(jobs / name / "pw.out", jobs / name / "pw-again.out")
    for name in contradicted:
        (jobs / name / "second.out").write_text(wrong(truth[name], energy=truth[name].energy + 0.5))
    shutil.copy(jobs / ids[65] / "pw.out", jobs / copied / "pw.out")
    absent = ids[70:90]
    for name in absent:
        (jobs / name / "pw.out").unlink()
    (jobs / ids[90]).rename(jobs / "renamed-by-hand")

    found = collect_labels(root, jobs, "local/al-qe")
    labels = stored_labels(root)
    assert_right(labels, truth)
    bad = {*spoilt, *contradicted, copied}
    accepted = {kind for name, kind in spoilt.items() if name in labels}
    assert not accepted
    assert set(ids) - set(labels) == bad | set(absent)
    counts = found.document()["outputs"]
    assert counts == {
        "files": 984,
        "taken": 1000 - 42 - 2 - 1 - 20,
        "double": 3,
        "unreadable": 6,
        "cut": 9,
        "unconverged": 3,
        "no forces": 3,
        "other atoms": 6,
        "other geometry": 3,
        "other settings": 12,
        "contradictory": 4,
    }
    for name, kind in spoilt.items():
        (verdict,) = (v for v in found.collected.verdicts if v.file == f"{name}/pw.out")
        assert kind.startswith(verdict.outcome), (kind, verdict)
    assert {entry["file"] for entry in found.document()["moved"]} >= {f"{name}/pw.out" for name in swapped}
    assert (found.refused, found.waiting) == (44, 21)
    assert found.record.details["outputs"]["taken"] == counts["taken"]
    assert set(open_store(root / "datasets/local/al-qe/data.zarr")["scf_steps"].to_numpy()) == {5}

    again = collect_labels(root, jobs, "local/al-qe")
    assert again.unchanged
    assert again.record == found.record

    for name in {*bad, *absent}:
        (jobs / name / "pw.out").write_text(truth[name].text())
    for name in contradicted:
        (jobs / name / "second.out").unlink()
    for name in ids[200:300]:  # a tidy user removes what was collected
        (jobs / name / "pw.out").unlink()
    whole = collect_labels(root, jobs, "local/al-qe")
    labels = stored_labels(root)
    assert set(labels) == set(ids)
    assert_right(labels, truth)
    assert whole.kept == 100


@pytest.fixture
def small(tmp_path):
    return project(tmp_path / "project", 6)


def test_jobs_are_named_by_id_and_written_again_where_they_are_missing(small):
    jobs = written(small, limit=4)
    manifest = read_manifest(jobs)
    assert [job.id for job in manifest.jobs] == sorted(
        (path.name for path in jobs.iterdir() if path.is_dir() and path.suffix == ""),
        key=[job.id for job in manifest.jobs].index,
    )
    assert manifest.jobs[0].settings == {
        "cutoff_eV": 163.268,
        "k_points": "2x2x2",
        "pseudopotential Al": "Al.pz-vbc.UPF",
    }
    first, second = (jobs / job.id for job in manifest.jobs[:2])
    shutil.rmtree(first)
    (second / "pw.out").write_text("mine")
    result, _ = write_label_jobs(small, "local/al", "qe", jobs, small / "pw.in")
    assert result.new == 3
    assert (first / "pw.in").is_file()
    assert (second / "pw.out").read_text() == "mine"
    assert len(read_manifest(jobs).jobs) == len(open_store(jobs / "configurations.zarr")["id"]) == 6
    assert (jobs / "folders.txt").read_text().split() == [job.id for job in read_manifest(jobs).jobs]


def printed(root, *words):
    """What a command says, where it works."""
    done = CliRunner().invoke(app, ["label", *words, "--root", str(root)])
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_commands_say_what_was_written_taken_refused_and_kept(small):
    """Every configuration is in one row, every refused output has its reason, and the next command is named."""
    jobs, template = small / "jobs", ("--code", "qe", "--template", str(small / "pw.in"))
    told = printed(small, "write", "local/al", str(jobs), *template, "--limit", "2")
    assert told.splitlines() == [
        f"{jobs}: 2 folders for qe, 2 of them new",
        f"next: cd {jobs}; sbatch job-array.sh; then foundational label collect {jobs} --name local/NAME",
    ]
    for frames, total in (("2,4,4", 4), ("5:", 5), (":1", 5), ("0:6", 6)):
        document = json.loads(printed(small, "write", "local/al", str(jobs), *template, "--frames", frames, "--json"))
        assert document["folders"] == total
    truth = answers(jobs)
    refused, swapped, other, absent, *_ = truth
    for name, answer in truth.items():
        (jobs / name / "pw.out").write_text(answer.text())
    (jobs / refused / "pw.out").write_text(wrong(truth[refused], cutoff=14.0))
    (jobs / swapped / "pw.out").write_text(truth[other].text())
    (jobs / other / "pw.out").write_text(truth[swapped].text())
    (jobs / absent / "pw.out").unlink()
    lines = printed(small, "collect", str(jobs), "--name", "local/al-qe").splitlines()
    rows = {line.rsplit(maxsplit=1)[0].strip(): int(line.rsplit(maxsplit=1)[1]) for line in lines[:8]}
    assert rows == {
        "outputs": 5,
        "taken": 4,
        "was computed with other settings": 1,
        "in the folder of another configuration": 2,
        "configurations": 6,
        "labelled": 4,
        "all outputs refused": 1,
        "no output yet": 1,
    }
    assert (
        f"refused: {refused}/pw.out: was computed with other settings (cutoff_eV is 190.48, expected 163.268)" in lines
    )
    assert f"moved: {swapped}/pw.out is of {other}" in lines
    assert any(line.startswith("settings: ") and "functional LDA" in line for line in lines)
    assert lines[-1] == "datasets/local/al-qe: 4 configurations, stored"
    again = printed(small, "collect", str(jobs), "--name", "local/al-qe")
    assert again.endswith("datasets/local/al-qe: 4 configurations, as before\n")
    (jobs / other / "pw.out").unlink()
    tidied = printed(small, "collect", str(jobs), "--name", "local/al-qe")
    assert re.search(r"of these kept from an earlier collection +1\n", tidied)


def test_of_many_refused_outputs_the_first_are_listed_and_all_are_counted(small, monkeypatch):
    monkeypatch.setattr("foundational.cli.labels.elsewhere._PRINTED", 2)
    jobs = written(small)
    for name, answer in answers(jobs).items():
        (jobs / name / "pw.out").write_text(answer.text()[: len(answer.text()) // 2])
    lines = printed(small, "collect", str(jobs)).splitlines()
    assert sum(line.startswith("refused: ") for line in lines) == 3
    assert "refused: 4 more; --json lists all" in lines
    assert not any(line.startswith("datasets/") for line in lines)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ("a:b", "expected places such as 0:40 or 3,7,9, got 'a:b'"),
        ("1,x", "expected places such as 0:40 or 3,7,9, got '1,x'"),
        ("0,6", "expected places from 0 to 5, got '0,6'"),
        ("9:", "expected configurations to write, got none of 6"),
    ],
)
def test_places_that_are_none_are_refused(small, frames, message):
    with pytest.raises(InputError, match=re.escape(message)):
        written(small, frames=frames)
    assert not (small / "jobs").exists()


def test_configurations_without_three_periods_are_excluded_and_counted(small):
    frames = [Atoms("Al2", cell=3.3 * np.eye(3), positions=[[0, 0, 0], [1.6, 1.6, 1.7]], pbc=p) for p in (True, False)]
    write(small / "mixed.xyz", frames)
    template = ("--code", "qe", "--template", str(small / "pw.in"))
    said = printed(small, "write", str(small / "mixed.xyz"), str(small / "jobs"), *template)
    assert said.startswith("excluded: 1 × not periodic along three vectors, which Quantum ESPRESSO needs\n")
    assert f"{small / 'jobs'}: 1 folders for qe, 1 of them new" in said


def test_labels_are_stored_under_a_name_of_ones_own_that_is_free(small):
    jobs = written(small)
    with pytest.raises(InputError, match="expected a name that begins with local/, such as local/al-qe; got 'al-qe'"):
        collect_labels(small, jobs, "al-qe")
    with pytest.raises(ConflictError, match="'local/al' exists already and was not collected from these jobs"):
        collect_labels(small, jobs, "local/al")


def test_a_folder_of_other_jobs_is_refused(small):
    jobs = written(small)
    (small / "other.in").write_text(TEMPLATE.replace("12.0", "16.0"))
    with pytest.raises(ConflictError, match="another template"):
        write_label_jobs(small, "local/al", "qe", jobs, small / "other.in")
    (small / "elsewhere").mkdir()
    (small / "elsewhere" / "precious.txt").touch()
    with pytest.raises(ConflictError, match="no jobs"):
        write_label_jobs(small, "local/al", "qe", small / "elsewhere", small / "pw.in")
    with pytest.raises(NotFoundError, match="label write"):
        collect_labels(small, small / "elsewhere", "local/x")


def test_without_a_usable_output_nothing_is_stored(small):
    jobs = written(small)
    with pytest.raises(InputError, match="there is none"):
        collect_labels(small, jobs, "local/al-qe")
    assert not (small / "datasets" / "local" / "al-qe").exists()
    assert collect_labels(small, jobs).document()["configurations"]["without_output"] == 6


def test_outputs_half_by_one_setting_and_half_by_another_are_refused(small):
    jobs = written(small)
    for i, (name, answer) in enumerate(answers(jobs).items()):
        text = wrong(answer, functional="SLA PW PBX PBC") if i % 2 else answer.text()
        (jobs / name / "pw.out").write_text(text)
    with pytest.raises(InputError, match="one functional for most"):
        collect_labels(small, jobs, "local/al-qe")


def test_later_outputs_by_other_settings_do_not_outvote_the_collected_ones(small):
    jobs = written(small)
    truth = answers(jobs)
    first, *rest = truth
    (jobs / first / "pw.out").write_text(truth[first].text())
    collect_labels(small, jobs, "local/al-qe")
    for name in rest:
        (jobs / name / "pw.out").write_text(wrong(truth[name], functional="SLA PW PBX PBC"))
    found = collect_labels(small, jobs, "local/al-qe")
    assert found.document()["outputs"] == {"files": 6, "taken": 1, "other settings": 5}


def test_labels_come_in_the_order_and_the_axes_of_the_configuration(small):
    """A program that wraps, permutes and rotates its cell gives the same labels."""
    jobs = written(small)
    truth = answers(jobs)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    for name, answer in truth.items():
        order = np.roll(np.arange(len(answer.symbols)), 1)
        text = wrong(
            answer,
            positions=(answer.positions[order] + answer.cell[0]) @ rotation,
            cell=answer.cell @ rotation,
            forces=answer.forces[order] @ rotation,
            stress=rotation.T @ answer.stress @ rotation,
        )
        (jobs / name / "pw.out").write_text(text)
    collect_labels(small, jobs, "local/al-qe")
    labels = stored_labels(small)
    assert len(labels) == 6
    assert_right(labels, truth)


def test_two_theories_lie_on_one_set_of_ids(small):
    jobs = written(small)
    for name, answer in list(answers(jobs).items())[:4]:
        (jobs / name / "pw.out").write_text(answer.text())
    collect_labels(small, jobs, "local/al-qe")
    again = small / "again"
    write_label_jobs(small, "local/al-qe", "qe", again, small / "pw.in")
    for name, answer in answers(again).items():
        (again / name / "pw.out").write_text(wrong(answer, energy=answer.energy + 1.0))
    collect_labels(small, again, "local/both", keep=True)
    _, excluded = write_label_jobs(small, "local/both", "qe", small / "third", small / "pw.in")
    assert excluded == {"the configuration is there again, by another method": 4}
    dataset = open_store(small / "datasets" / "local" / "both" / "data.zarr").load()
    assert not check_dataset(dataset)
    assert dataset["method"].to_numpy().tolist() == [0] * 4 + [1] * 4
    assert [method["id"] for method in dataset.attrs["methods"]] == ["qe-lda", "qe-lda-2"]
    energy = dataset["energy"].to_numpy()
    np.testing.assert_allclose(energy[4:] - energy[:4], 1.0, atol=1e-5)
    assert collect_labels(small, again, "local/both", keep=True).unchanged


def test_the_record_names_what_was_refused(small):
    jobs = written(small)
    truth = answers(jobs)
    for name, answer in truth.items():
        (jobs / name / "pw.out").write_text(answer.text())
    first = next(iter(truth))
    (jobs / first / "pw.out").write_text(wrong(truth[first], cutoff=14.0))
    collect_labels(small, jobs, "local/al-qe")
    record = json.loads((small / "datasets" / "local" / "al-qe" / "provenance.json").read_text())
    (refused,) = record["details"]["refused"]
    assert refused["file"] == f"{first}/pw.out"
    assert refused["detail"] == "cutoff_eV is 190.48, expected 163.268"
    assert record["inputs"][0]["name"] == "local/al"
    (method,) = record["labeller"]["parameters"]["methods"]
    assert (method["code"], method["functional"], method["cutoff_eV"]) == ("Quantum ESPRESSO", "LDA", 163.268)


@pytest.mark.skipif(shutil.which("pw.x") is None, reason="needs pw.x: apt install quantum-espresso")
@pytest.mark.skipif(not PSEUDO.is_file(), reason="needs Al.pz-vbc.UPF: apt install quantum-espresso-data")
def test_quantum_espresso_labels_aluminium_for_real(small):
    """Written, run by the job array as on a cluster, collected: less than a second a cell."""
    (small / "pw.in").write_text(TEMPLATE.replace("2 2 2 1 1 1", "{kmesh:0.8} 1 1 1"))
    jobs = written(small, limit=2)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(["bash", jobs / "job-array.sh"], check=True, env=environment, timeout=300, capture_output=True)
    assert (jobs / read_manifest(jobs).jobs[0].id / "finished").exists()
    found = collect_labels(small, jobs, "local/al-qe")
    assert found.document()["outputs"] == {"files": 2, "taken": 2}
    assert found.collected.settings["functional"] == "LDA"
    for energy, forces, stress in stored_labels(small).values():
        assert -58 < energy / len(forces) < -54
        assert np.isfinite(stress).all()
        np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-3)
