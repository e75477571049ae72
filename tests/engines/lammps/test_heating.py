import pytest

from foundational.engines.lammps.heating import Melted, heat_until_melted
from foundational.errors import EngineError
from foundational.specs.heating import HeatingRange
from foundational.units import BOLTZMANN

RANGE = HeatingRange(coldest=0.02, hottest=0.1, step=0.25)
COHESIVE = 4.0


def test_stages_rise_by_the_step_until_the_crystal_has_melted():
    seen: list[tuple[float, int]] = []

    def melts_at(temperature: float, stage: int) -> bool:
        seen.append((temperature, stage))
        return temperature * BOLTZMANN / COHESIVE > 0.045

    melted = heat_until_melted(RANGE, COHESIVE, melts_at, "a crystal")
    assert [stage for _, stage in seen] == [0, 1, 2, 3, 4]
    reduced = [temperature * BOLTZMANN / COHESIVE for temperature, _ in seen]
    assert reduced == pytest.approx([0.02 * 1.25**n for n in range(5)])
    assert melted == Melted(seen[-1][0], 4)


def test_a_crystal_that_melts_at_once_took_no_heating():
    assert heat_until_melted(RANGE, COHESIVE, lambda *_: True, "a crystal").stage == 0


def test_heating_ends_before_the_hottest_temperature_and_says_so():
    hottest = RANGE.hottest * COHESIVE / BOLTZMANN
    seen = []
    with pytest.raises(EngineError, match=r"^the crystal does not melt below \d+ K; give temperatures$"):
        heat_until_melted(RANGE, COHESIVE, lambda t, _: bool(seen.append(t)), "the crystal", "; give temperatures")
    assert seen[-1] < hottest <= seen[-1] * (1 + RANGE.step)
