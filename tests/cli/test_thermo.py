"""`foundational thermo`, and what it reports, writes and draws, on a small sampled pool."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from foundational.cli.thermo import _lines
from foundational.errors import InputError
from foundational.pictures.thermo import draw_thermo
from foundational.specs.parsing import merge, read_yaml
from foundational.stages.sample.command import sample_pool
from foundational.stages.thermo.command import read_pool, write_metrics
from foundational.stages.thermo.stage import MeltingPoint, PoolFrames, thermo

POOL = "ni-npt-solid-32"


@pytest.fixture(scope="module")
def sampled(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a small pool of plain NPT at 1,200 K."""
    root = tmp_path_factory.mktemp("sampled")
    short = {
        "settings": {
            "block": 4000,
            "frame_time": 40,
            "window": {"equilibration": 1000, "duration": 1000},
        },
        "pools": {POOL: {"frames": 400, "temperature": 1200}},
    }
    YAML().dump(merge(read_yaml(checkout / "params.yaml"), {"sample": short}), root / "params.yaml")
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "datasets").mkdir()
    (root / "datasets" / "potentials").symlink_to(checkout / "datasets" / "potentials")
    sample_pool(root, POOL)
    return root


@pytest.fixture(scope="module")
def pool(sampled: Path) -> PoolFrames:
    return read_pool(sampled, POOL)


def test_averages_of_an_unbiased_pool_are_means_of_its_frames(pool: PoolFrames) -> None:
    report = thermo(pool)
    assert report.melting is None
    (row,) = report.rows
    assert (row.temperature_K, row.phase, row.effective_frames) == (1200.0, "aligned crystal", 400.0)
    assert row.enthalpy_eV_per_atom == pytest.approx(pool.frames.enthalpy.mean() / 32)
    assert row.volume_A3_per_atom == pytest.approx(pool.frames.volume.mean() / 32)
    assert report.phases[0].share == 1.0
    assert report.phases[0].longest_ps == pytest.approx(8.0)
    with pytest.raises(InputError, match="1200 to 1200 K, got 1300"):
        thermo(pool, [1300.0])


def test_metrics_are_small_whole_and_the_same_each_time(pool: PoolFrames, tmp_path: Path) -> None:
    report = thermo(pool)
    contents = []
    for _ in range(2):
        write_metrics(tmp_path, pool, report)
        contents.append({p.name: p.read_bytes() for p in sorted((tmp_path / "metrics" / "thermo").iterdir())})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {
        f"{POOL}{end}" for end in (".json", *(f"-{x}.csv" for x in ("run", "energies", "visits", "bias")))
    }
    assert max(len(c) for c in contents[0].values()) < 60_000
    rows = contents[0][f"{POOL}-visits.csv"].decode().splitlines()[1:]
    assert sum(int(row.split(",")[2]) for row in rows) == 400


def test_figure_is_drawn(pool: PoolFrames, tmp_path: Path) -> None:
    draw_thermo(pool, thermo(pool), tmp_path / "thermo.svg")
    drawn = (tmp_path / "thermo.svg").read_text(encoding="utf-8")
    assert drawn.count("<path") > 50
    assert "nan" not in drawn.lower()


def test_a_figure_without_matplotlib_says_what_to_install(
    foundational: Callable[..., Any], sampled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = foundational("thermo", POOL, "--plot", str(tmp_path / "thermo.svg"), cwd=sampled)
    assert found.status == 1
    assert found.err.splitlines()[-1] == (
        "error: the package matplotlib is needed and not installed; install it with: pip install 'foundational[plots]'"
    )
    assert list(tmp_path.iterdir()) == []


def test_command_prints_what_the_report_says(foundational: Callable[..., Any], sampled: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "thermo.png"
    found = foundational("thermo", POOL, "--json", "--plot", str(drawn), "--write", cwd=sampled)
    assert found.status == 0, found.err
    report = json.loads(found.out)
    assert report == json.loads((sampled / "metrics" / "thermo" / f"{POOL}.json").read_text(encoding="utf-8"))
    assert drawn.read_bytes()[:4] == b"\x89PNG"
    text = foundational("thermo", POOL, cwd=sampled).out
    assert f"{report['rows'][0]['enthalpy_eV_per_atom']:.4f} ±" in text
    wrong = foundational("thermo", POOL, "-T", "900", cwd=sampled)
    assert wrong.status == 1
    assert wrong.err.splitlines()[-1].startswith("error: expected a temperature within the pool's window")


def test_the_melting_point_is_printed_with_what_melting_takes_where_that_is_known(pool: PoolFrames) -> None:
    report = thermo(pool)
    assert list(_lines(report))[-1].startswith("melting temperature: not determined (solid and liquid do not coexist")
    point = MeltingPoint(
        temperature_K=1712.4, temperature_error_K=9.6, latent_heat_eV_per_atom=0.1812, volume_change_A3_per_atom=0.624
    )
    *_, line, size = _lines(report.model_copy(update={"melting": point}))
    assert line == "melting: 1712 ± 10 K (equal weights; 181 meV/atom, +0.62 Å³/atom)"
    assert size.startswith("This is the value of a periodic cell of 32 atoms, above that of the bulk")
    unknown = point.model_copy(update={"latent_heat_eV_per_atom": None, "volume_change_A3_per_atom": None})
    assert list(_lines(report.model_copy(update={"melting": unknown})))[-2] == "melting: 1712 ± 10 K (equal weights)"
    left = report.phases[0].model_copy(update={"left_for": {"liquid": 2}, "unfinished": 1, "visits": 3})
    told = list(_lines(report.model_copy(update={"phases": (left,)})))[1]
    assert told.endswith("3 visits, longest 8 ps: 2 → liquid, 1 unfinished")
