"""``distill`` and ``audit``: what is said of rounds, of a budget that cannot be filled, and of what is not known."""

import pytest

from foundational.cli.distill import _audit_lines, _round
from foundational.provenance.record import read_record
from foundational.testing.project import copy_project

REPORT = {
    "name": "ni",
    "pool": "pools/p",
    "method": "active",
    "rounds": [
        {"round": 0, "frames": 20, "because": ["start"], "least_meV": None, "largest_meV": None},
        {"round": 1, "frames": 1300, "because": ["uncertainty"], "least_meV": 1.234, "largest_meV": 5.678},
    ],
    "entropy": {"frames_of_each": 1000, "entropy": 7.123, "pool_entropy": 6.5, "overlap": 0.875},
    "errors": {
        "holdout": "ni-holdout",
        "mae_meV": 0.4321,
        "by_energy_per_atom": [{"from": -4.5, "to": -4.25, "frames": 5, "mae_meV": 0.5, "max_meV": 2.0}],
        "by_order_parameter": None,
        "by_phase": [{"phase": "liquid", "frames": 5, "mae_meV": 0.25, "max_meV": 1.5}],
    },
}


def test_an_audit_is_told_round_by_round_and_part_by_part():
    head, start, chosen, entropy, errors, energy, phase = _audit_lines(REPORT)
    assert head == "ni: selected from pools/p by the method active"
    assert start == "round  0:    20 configurations, start"
    assert chosen == "round  1: 1,300 configurations, uncertainty  1.23 … 5.68 meV"
    assert entropy.startswith(
        "entropy of 1000 configurations: 7.12 nats; of the same number from the pool: 6.50; 87.5%"
    )
    assert errors == "errors on ni-holdout: 0.432 meV/atom"
    assert energy.split(maxsplit=6)[:6] == ["energy", "per", "atom", "-4.500", "…", "-4.250"]
    assert energy.endswith("5 configurations, mean 0.500, largest 2.00 meV/atom")
    assert phase.split()[:2] == ["phase", "liquid"]


def test_what_an_audit_could_not_compute_is_said_with_what_it_needs():
    *_, entropy, errors = _audit_lines(REPORT | {"entropy": None, "errors": None})
    assert entropy == (
        "entropy: needs the pool on this machine and the library quests (pip install 'foundational[quests]')"
    )
    assert errors == "errors: not computed (no test set of this metal and labeller is on this machine)"


def test_a_round_says_what_it_added_and_how_uncertain_and_wrong_the_networks_were(distilled_project):
    first, second = read_record(distilled_project / "datasets" / "ni").details["rounds"]
    assert _round(first).startswith("round  1:    20 →    28 configurations (8 of 90 candidates); uncertainty median ")
    assert _round(second).startswith("round  2:    28 →    40 configurations (12 of ")
    assert f"; error {first['heldout_mae_meV']:.2f} meV/atom" in _round(first)
    unknown = first | {"max_uncertainty_meV": None, "heldout_mae_meV": None}
    assert _round(unknown) == "round  1:    20 →    28 configurations (8 of 90 candidates)"


def test_a_distillation_prints_its_rounds_its_notes_and_its_size(foundational, tiny_project, tmp_path):
    root = copy_project(tiny_project, tmp_path / "project")
    command = "distill local/few --from pools/ni-momt-32 --method random --frames 200"
    outcome = foundational(*command.split(), cwd=root)
    assert outcome.status == 0
    *_, note, last = outcome.out.splitlines()
    assert note == (
        "note: 40 of at most 110 configurations were selected: the number of rounds (2) ended the selection"
    )
    assert last == "datasets/local/few: 40 configurations"
    again = foundational(*command.split(), cwd=root)
    assert again.status == 1
    assert "exists already" in again.err
    replaced = foundational(*command.replace("200", "30").split(), "--force", cwd=root)
    assert replaced.out.splitlines()[-1] == "datasets/local/few: 30 configurations"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("distill", "expected the name of a set, such as ni, or local/<name> with --from"),
        ("audit ni-holdout", "expected a distilled set"),
    ],
)
def test_what_names_no_set_is_refused(foundational, distilled_project, command, message):
    outcome = foundational(*command.split(), cwd=distilled_project)
    assert outcome.status == 1
    assert message in outcome.err
