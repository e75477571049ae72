"""The limit of superheating, from which the temperatures of a pool follow; heated far faster than in earnest."""

import pytest

from foundational.engines.lammps.potentials import potential_for
from foundational.engines.momt.block import System
from foundational.engines.momt.melting import Melting, find_melting, hottest_liquid
from foundational.errors import EngineError
from foundational.specs.params import read_params
from foundational.specs.sample import ElementSpec


@pytest.fixture(scope="module")
def spec(request: pytest.FixtureRequest) -> ElementSpec:
    element = read_params(request.config.rootpath / "params.yaml").sample.element
    fast = {"stage": 300.0, "heatings": 2, "liquid_time": 2000.0}
    return element.model_copy(update={"melting": element.melting.model_copy(update=fast)})


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> System:
    return System(potential_for("Ni", request.config.rootpath), "Ni", "fcc", 2, 1.0, 2.0, 200.0, 300.0, "isotropic")


def test_crystal_is_superheated_before_it_melts_and_an_interrupted_search_goes_on(system: System, spec: ElementSpec):
    told: list[tuple[float, ...]] = []
    whole = find_melting(system, 4.876, spec, 1, on_limit=told.append)
    low, middle, high = whole.temperatures(spec.window)
    assert all(1700 < limit < 4500 for limit in whole.limits)  # this nickel melts near 1,800 K
    assert 300 < low < 1300 < middle < 3600 < high < 6800
    assert told == [whole.limits[:1], whole.limits]
    assert find_melting(system, 4.876, spec, 1, limits=told[0]) == whole


def test_crystal_that_does_not_last_where_heating_begins_is_said(system: System, spec: ElementSpec):
    with pytest.raises(EngineError, match=r"the fcc crystal of Ni with NiNb does not last at 6963 K; .* --structure"):
        find_melting(system, 75.0, spec, 1)  # as if its atoms held together fifteen times more


def test_crystal_that_does_not_melt_is_said(system: System, spec: ElementSpec):
    with pytest.raises(EngineError, match=r"does not melt below .* K; give the temperatures"):
        find_melting(system, 0.2, spec, 1)  # as if its atoms held together twenty times less


def test_liquid_that_boils_lowers_the_hottest_temperature(request: pytest.FixtureRequest, spec: ElementSpec):
    vanadium = System(potential_for("V", request.config.rootpath), "V", "bcc", 3, 1.0, 2.0, 200.0, 1000.0, "isotropic")
    hottest = hottest_liquid(vanadium, (960.0, 3200.0, 9000.0), spec.melting, 1)
    assert 3200 < hottest < 9000
    assert Melting((4000.0,), hottest).temperatures(spec.window)[2] <= hottest + 50  # two digits
    assert hottest_liquid(vanadium, (960.0, 3200.0, 3400.0), spec.melting, 1) == float("inf")
    with pytest.raises(EngineError, match=r"liquid of V with VFe_mm boils at 19000 K already"):
        hottest_liquid(vanadium, (960.0, 19000.0, 20000.0), spec.melting, 1)
