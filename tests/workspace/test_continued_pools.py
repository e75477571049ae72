"""A stored pool is continued where it is of the same work and whole; its bias is used where it fits."""

import numpy as np
import pytest

from foundational.data.atomic_write import previous
from foundational.engines.lammps.potentials import potential_for
from foundational.errors import ChecksumError, ConflictError, InputError
from foundational.provenance.record import read_record
from foundational.specs.params import read_params
from foundational.workspace.continued_pools import bias_source, stored_pool, stored_specification
from foundational.workspace.pools import BIAS, MANIFEST
from foundational.workspace.run_folder import RunFolder, work_folder
from tests.engines.momt.runs import drawn_run
from tests.sampled import NAME, specification, store_sampled

RUN = drawn_run(atoms=32)
COUNT = 120


@pytest.fixture
def folder(project):
    """Of a pool that was sampled."""
    store_sampled(project, RUN, np.ones((4, 2 + 9 + 96)))
    return project / "datasets/pools" / NAME


def test_a_shorter_pool_of_the_same_specification_is_continued_from_its_run(project, folder):
    found = stored_pool(project, NAME, specification(project), COUNT + 1)
    assert found.dataset.sizes["configuration"] == COUNT
    assert np.array_equal(found.run.bias.coefficients, RUN.bias.coefficients)
    assert found.surplus.shape == (4, 107)


def test_a_pool_that_is_long_enough_is_refused(project, folder):
    with pytest.raises(ConflictError, match=f"{COUNT} frames and its manifest"):
        stored_pool(project, NAME, specification(project), COUNT)


def test_a_pool_of_another_specification_is_refused_and_without_its_manifest_replaced(project, folder):
    other = specification(project) | {"seed": 1}
    with pytest.raises(ConflictError, match="another specification"):
        stored_pool(project, NAME, other, COUNT + 1)
    (folder / MANIFEST).unlink()  # as dvc repro does
    assert stored_pool(project, NAME, other, COUNT + 1) is None
    assert stored_pool(project, NAME, specification(project), COUNT + 1) is not None


def test_a_pool_whose_run_is_another_one_is_refused_and_without_its_manifest_replaced(project, folder):
    content = (folder / BIAS).read_bytes()
    (folder / BIAS).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ChecksumError):
        stored_pool(project, NAME, specification(project), COUNT + 1)
    (folder / MANIFEST).unlink()
    (folder / BIAS).write_bytes(content[: len(content) // 2])
    assert stored_pool(project, NAME, specification(project), COUNT + 1) is None


def test_nothing_is_continued_where_nothing_is_stored(project):
    assert stored_pool(project, "ni-npt-solid-32", specification(project), 10) is None
    assert stored_specification(project, "ni-npt-solid-32") == {}


def test_the_bias_of_a_pool_is_used_for_the_same_system_only(project, folder):
    spec, potential = read_params(project / "params.yaml").sample.pools[NAME], potential_for("Ni", project)
    assert bias_source(project, None, spec, potential) == (None, ())
    run, (parent,) = bias_source(project, NAME, spec, potential)
    assert np.array_equal(run.bias.coefficients, RUN.bias.coefficients)
    assert parent.output.name == f"pools/{NAME}"
    larger = spec.model_copy(update={"supercell": 3})
    with pytest.raises(InputError, match="supercell was 2 and is 3"):
        bias_source(project, NAME, larger, potential)


def test_the_specification_of_a_stored_or_started_pool_is_found(project, folder):
    stored = stored_specification(project, NAME)
    assert stored["temperature"] == read_params(project / "params.yaml").sample.pools[NAME].temperature
    assert "melting" not in stored
    RunFolder(work_folder(project, "local-cu")).claim(specification(project), 0)
    assert stored_specification(project, "local-cu") == specification(project)["pool"]


def test_a_pool_that_a_kill_left_aside_is_put_back_and_continued(project, folder):
    folder.rename(previous(folder))
    assert stored_pool(project, NAME, specification(project), COUNT + 1) is not None
    assert folder.is_dir()
    assert not previous(folder).exists()


def test_a_manifest_without_its_record_is_no_pool_to_continue(project, folder):
    (folder / "provenance.json").unlink()
    with pytest.raises(ConflictError, match="with its manifest but without its record; sample it again with --force"):
        stored_pool(project, NAME, specification(project), COUNT + 1)
    (folder / MANIFEST).unlink()
    assert stored_pool(project, NAME, specification(project), COUNT + 1) is None


def test_a_record_of_another_store_is_refused(project, folder):
    path = folder / "provenance.json"
    path.write_text(path.read_text().replace(read_record(folder).output.fingerprint, "0" * 64))
    (folder / MANIFEST).unlink()
    assert stored_pool(project, NAME, specification(project), COUNT + 1) is None
