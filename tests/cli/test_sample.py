"""``foundational sample``: what it says, and bad input in one line."""

from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from foundational.cli.sample import _lines
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.sample.command import StoredSample
from foundational.workspace.pools import read_manifest

TINY = {
    "sample": {
        "settings": {
            "block": "0.8 ps",
            "frame_time": "0.1 ps",
            "window": {"equilibration": "1 ps", "duration": "1 ps"},
        },
        "pools": {"ni-npt-solid-32": {"temperature": 1200, "frames": 20}},
    }
}


def test_extension_says_from_how_many_frames_it_continues(foundational, project):
    YAML().dump(merge(read_yaml(project / "params.yaml"), TINY), project / "params.yaml")
    first = foundational("sample", "ni-npt-solid-32", "--workers", "1", cwd=project)
    assert first.status == 0
    assert "datasets/pools/ni-npt-solid-32: 20 configurations at 1200 K\n" in first.out
    again = foundational("sample", "ni-npt-solid-32", "--workers", "1", cwd=project)
    assert again.status == 1
    assert "exists already, with 20 frames" in again.err
    longer = foundational("sample", "ni-npt-solid-32", "--frames", "30", "--workers", "1", cwd=project)
    assert "continued from the 20 frames of the stored pool" in longer.out
    assert "datasets/pools/ni-npt-solid-32: 30 configurations" in longer.out
    manifest = read_manifest(project, "ni-npt-solid-32")
    stored = StoredSample("ni-npt-solid-32", manifest, resumed=True, stored_frames=0)
    assert next(iter(_lines(stored))) == "an interrupted run was resumed"
    learned = {"crossings": 1234, "walkers": 4, "window_visited": 0.85, "rounds_learning": 6, "crossings_learning": 88}
    pool = manifest.record.spec["pool"] | {"method": "momt", "temperature_low": 900, "temperature_high": 2500}
    record = manifest.record.model_copy(update={"spec": {"pool": pool}, "details": learned})
    line, bias = _lines(replace(stored, manifest=manifest.model_copy(update={"record": record}), resumed=False))
    assert line.endswith(
        "30 configurations at 900, 1200, 2500 K; 1,234 solid–liquid transitions of 4 walkers, 85% of the window visited"
    )
    assert bias == "The bias was learned in 6 rounds (88 transitions) and then kept constant."


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sample", "a pool of params.yaml or --element, one of the two"),
        ("sample ni-momt-108 --element Cu", "a pool of params.yaml or --element, one of the two"),
        ("sample ni-momt-108 --structure bcc", "params.yaml decides the structure of 'ni-momt-108'"),
        ("sample ni-momt-108 --bias-from ni-momt-23", "the pool 'ni-momt-23' was never sampled"),
        ("sample --element Cu --temperature nan", "--temperature: expected a positive number, got nan"),
        ("sample --element Cu --temperature-low -3", "--temperature-low: expected a positive number, got -3"),
        ("sample --element Cu --supercell 100000", "expected a supercell of at most 13"),
        ("sample --element Cv", "no potential with element 'Cv' in the registry, which has Ag, Al"),
        ("sample --element Cu --potential NiNb", "potential 'NiNb' has no Cu"),
        ("sample --element Fe --supercell 2", "a bcc supercell of 2 holds 16 atoms"),
        ("sample --element Zr", "is hcp, and there is no order parameter for hcp; sample --structure fcc or bcc"),
        ("sample --element Cu --name cu", "expected a name that starts with local-"),
        (
            "sample --element Cu --temperature-low 2000 --temperature 1500 --temperature-high 3000",
            "expected temperature_low < temperature < temperature_high, got 2000, 1500, 3000 K",
        ),
        (
            "sample --element Cu --temperature-low 2500 --temperature 2600 --temperature-high 3000",
            "Cu solid at 2500 K melts",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(foundational, project, command, message):
    before = sorted(project.glob("datasets/**"))
    outcome = foundational(*command.split(), *(["--workers", "1"] if " " in command else []), cwd=project)
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert sorted(project.glob("datasets/**")) == before


def test_a_pool_of_another_specification_is_not_replaced_unasked(foundational, distilled_project):
    outcome = foundational("sample", "ni-momt-32", cwd=distilled_project)
    assert outcome.status == 1
    assert "'ni-momt-32' was sampled with another specification" in outcome.err
    assert "sample the pool again with --force" in outcome.err
