"""Logs of CP2K of two generations give the same labels; a step without positions is named."""

import numpy as np
import pytest

from foundational.errors import InputError
from foundational.interchange.importing import ImportChoice, import_files
from tests.interchange.dft_files import CP2K_NEW, CP2K_OLD, CP2K_UNCONVERGED


@pytest.mark.parametrize(("text", "version"), [(CP2K_OLD, "7.1"), (CP2K_NEW, "2024.1")])
def test_units_and_the_sign_of_the_stress_are_those_of_the_layout(text, version, tmp_path):
    (tmp_path / "run.out").write_text(text)
    dataset = import_files([tmp_path / "run.out"]).dataset
    assert dataset["energy"].item() == pytest.approx(-2 * 27.211386245988, rel=1e-12)
    assert dataset["forces"].to_numpy()[0, 0] == pytest.approx(0.01 * 27.211386245988 / 0.529177210903, rel=1e-6)
    # Compressed: the pressure is positive, and the stress, tension positive, is negative.
    assert dataset["stress"].to_numpy()[0] == pytest.approx(
        -np.array([[0.1, 0.01, 0], [0.01, 0.1, 0], [0, 0, 0.1]]), rel=1e-6
    )
    assert dataset["cell"].to_numpy()[0].tolist() == (5 * np.eye(3)).tolist()
    assert dataset["pbc"].to_numpy().all()
    assert dataset["atomic_numbers"].to_numpy().tolist() == [1, 8]
    (method,) = dataset.attrs["methods"]
    assert (method["code"], method["version"], method["functional"]) == ("CP2K", version, "PBE")
    assert method["cutoff_eV"] == pytest.approx(5442.277)


def test_later_steps_whose_positions_the_log_does_not_print_are_refused_or_skipped(tmp_path):
    later = CP2K_OLD[CP2K_OLD.index(" ENERGY|") :].replace("-2.0000", "-2.0001")
    (tmp_path / "md.log").write_text(CP2K_OLD + later + later)
    with pytest.raises(InputError, match="frame 1: the log has no positions of this step"):
        import_files([tmp_path / "md.log"])
    imported = import_files([tmp_path / "md.log"], ImportChoice(on_bad="skip"))
    assert (imported.report.configurations, imported.report.n_skipped) == (1, 2)


def test_a_run_that_did_not_converge_is_named(tmp_path):
    (tmp_path / "run.out").write_text(CP2K_UNCONVERGED)
    with pytest.raises(InputError, match="the SCF run is NOT converged"):
        import_files([tmp_path / "run.out"])


def test_a_run_that_was_cut_before_its_energy_gives_one_line_and_a_restart_counts(tmp_path):
    cut = CP2K_OLD[: CP2K_OLD.index(" ENERGY|")]
    (tmp_path / "cut.out").write_text(cut)
    with pytest.raises(InputError, match="expected an energy in the output of CP2K, found none"):
        import_files([tmp_path / "cut.out"])
    (tmp_path / "again.out").write_text(cut + CP2K_OLD)
    assert import_files([tmp_path / "again.out"]).report.configurations == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("COORDINATES IN angstrom", "COORDINATES IN bohr", "the positions of the atoms are not printed"),
        ("      2      2      O", "      2      2      Zero", "expected 2 rows of forces, got 1"),
        ("[GPa]", "[a.u.]", r"expected a stress in GPa, bar or kbar, got a\.u\."),
    ],
)
def test_a_log_without_positions_with_a_force_too_few_or_in_another_unit_is_refused(old, new, message, tmp_path):
    assert old in CP2K_OLD
    (tmp_path / "run.out").write_text(CP2K_OLD.replace(old, new))
    with pytest.raises(InputError, match=f"run.out, frame 0: {message}"):
        import_files([tmp_path / "run.out"])


def test_a_log_of_energies_alone_gives_energies_alone(tmp_path):
    text = CP2K_OLD[: CP2K_OLD.index(" ATOMIC FORCES")]
    (tmp_path / "run.out").write_text(text)
    dataset = import_files([tmp_path / "run.out"]).dataset
    assert dataset["energy"].item() == pytest.approx(-2 * 27.211386245988, rel=1e-12)
    assert not {"forces", "stress"} & set(dataset.data_vars)
