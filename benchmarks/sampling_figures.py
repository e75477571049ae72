"""The figures of docs/sampling.md, from the pools on disk.

    python benchmarks/sampling_figures.py [--into docs/figures]

sampling_run.svg       energy along the run, plain NPT and MOMT (Fig. S1 of arXiv 2311.05407)
sampling_bias.svg      the histogram of (H, O) and the learned bias ΔH
sampling_energies.svg  distributions of the energy of the pools (Fig. S3)
sampling_thermo.svg    ⟨H⟩ and C_p by temperature and phase, from cells of 32 and of 108 atoms
"""

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from foundational.science.phases import Phase
from foundational.science.reweighting import average
from foundational.stages.thermo.command import read_pool
from foundational.stages.thermo.stage import PoolFrames, thermo
from foundational.units import BOLTZMANN

ROOT = Path(__file__).resolve().parents[1]
POOLS = ("ni-npt-solid-32", "ni-npt-liquid-32", "ni-momt-32", "ni-momt-108", "al-momt-108", "nb-momt-54")
COLOURS = {Phase.ALIGNED: "tab:blue", Phase.OTHER: "tab:green", Phase.LIQUID: "tab:red"}
#: Colours of plain NPT, of the phase that it runs.
SOLID, LIQUID = COLOURS[Phase.ALIGNED], COLOURS[Phase.LIQUID]


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None}, dpi=90)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def walker(pool: PoolFrames, number: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time in ns, energy per atom and O along one walker's trajectory, thinned."""
    rows = np.flatnonzero(pool.frames.walker == number)
    thin = rows[:: max(1, len(rows) // 1000)]
    return pool.time[thin] / 1000, pool.energy[thin] / pool.n_atoms, pool.frames.order_parameter[thin]


def run(pools: dict[str, PoolFrames], path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 3))
    for name, colour in (("ni-npt-solid-32", SOLID), ("ni-npt-liquid-32", LIQUID)):
        time, energy, _ = walker(pools[name])
        left.plot(time, energy, color=colour, lw=0.6, label=name.split("-")[2], rasterized=True)
    left.set(xlabel="time, ns", ylabel="energy, eV/atom", title="NPT, 2,000 K")
    left.legend(frameon=False)
    time, energy, order = walker(pools["ni-momt-32"])
    right.plot(time, energy, color="0.75", lw=0.5, rasterized=True)
    crystal = order > 0.5
    right.plot(time[crystal], energy[crystal], ".", ms=2, color=SOLID, label="O > 0.5", rasterized=True)
    right.plot(time[~crystal], energy[~crystal], ".", ms=2, color=LIQUID, label="O < 0.5", rasterized=True)
    right.set(xlabel="time, ns", title="MOMT, one of two walkers, 32 atoms")
    right.legend(frameon=False, markerscale=4, loc="upper right")
    save(figure, path)


def bias(pools: dict[str, PoolFrames], path: Path) -> None:
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    axes = figure.subplots(2, 2)
    for row, name in zip(axes, ("ni-momt-32", "ni-momt-108"), strict=True):
        pool = pools[name]
        f, n = pool.frames, pool.n_atoms
        counts, h, o = np.histogram2d(f.enthalpy, f.order_parameter, (60, np.linspace(0, 1, 61)))
        seen = np.where(counts > 0, counts, np.nan).T
        mesh = row[0].pcolormesh(h / n, o, seen, norm="log", cmap="viridis", rasterized=True)
        figure.colorbar(mesh, ax=row[0], label="frames")
        centres = np.meshgrid((h[1:] + h[:-1]) / 2, (o[1:] + o[:-1]) / 2)
        learned = np.where(counts.T > 0, f.bias.value(*centres), np.nan)
        # In units of kT0, relative to the mean over visited bins.
        scaled = (learned - np.nanmean(learned)) / (BOLTZMANN * f.bias.temperature)
        mesh = row[1].pcolormesh(h / n, o, scaled, cmap="cividis", rasterized=True)
        figure.colorbar(mesh, ax=row[1], label="ΔH, kT0")
        row[0].set_title(f"{name}: frames")
        row[1].set_title(f"{name}: learned bias")
        for axis in row:
            axis.set(xlabel="H, eV/atom", ylabel="O")
    save(figure, path)


def energies(pools: dict[str, PoolFrames], path: Path) -> None:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    groups = {"Ni": POOLS[:4], "Al": ("al-momt-108",), "Nb": ("nb-momt-54",)}
    for axis, (element, names) in zip(figure.subplots(1, 3), groups.items(), strict=True):
        for name in names:
            energy = pools[name].energy / pools[name].n_atoms
            axis.hist(energy, 60, density=True, histtype="step", label=name.removeprefix(f"{element.lower()}-"))
        axis.set(xlabel="energy, eV/atom", ylabel="density, atom/eV", title=element)
        axis.legend(frameon=False, fontsize="small")
    save(figure, path)


def curves(pools: dict[str, PoolFrames], path: Path) -> None:
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, style in (("ni-momt-32", "-"), ("ni-momt-108", "--")):
        pool = pools[name]
        melting = thermo(pool, []).melting
        for phase in (Phase.ALIGNED, Phase.LIQUID):
            found = [average(pool.frames, pool.phase == phase, float(t), pool.depth) for t in range(600, 4001, 100)]
            known = [x for x in found if x is not None and x.effective_frames > 30]
            t = [x.temperature for x in known]
            for axis, values in (
                (left, [(x.enthalpy.value / pool.n_atoms, x.enthalpy.error / pool.n_atoms) for x in known]),
                (
                    right,
                    [(x.heat_capacity.value / pool.n_atoms + 1.5, x.heat_capacity.error / pool.n_atoms) for x in known],
                ),
            ):
                mean, error = np.array(values).T
                label = f"{phase.label}, {pool.n_atoms} atoms"
                axis.plot(t, mean, style, color=COLOURS[phase], label=label)
                axis.fill_between(t, mean - error, mean + error, color=COLOURS[phase], alpha=0.2, lw=0)
        if melting is not None:
            left.axvline(melting.temperature_K, color="0.5", lw=0.8, ls=style)
    left.set(xlabel="temperature, K", ylabel="⟨H⟩, eV/atom")
    right.set(xlabel="temperature, K", ylabel="C_p, k/atom", ylim=(2.5, 5.5))
    left.legend(frameon=False, fontsize="small")
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "figures", help="folder of the figures")
    into = parser.parse_args().into
    mpl.rcParams.update({"svg.hashsalt": "foundational", "svg.fonttype": "none", "font.size": 9})
    pools = {name: read_pool(ROOT, name) for name in POOLS}
    run(pools, into / "sampling_run.svg")
    bias(pools, into / "sampling_bias.svg")
    energies(pools, into / "sampling_energies.svg")
    curves(pools, into / "sampling_thermo.svg")


if __name__ == "__main__":
    main()
