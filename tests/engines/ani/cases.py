"""Small cells with labels, made on the fly, and small settings."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from foundational.data.configurations import Configurations, Labels
from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.network import initial_parameters, layer_widths
from foundational.specs.ani import (
    AevSpec,
    AngularSpec,
    AniSpec,
    LossSpec,
    NetworkSpec,
    OneCycle,
    OptimisationSpec,
    RadialSpec,
)

AEV = AevSpec(
    radial=RadialSpec(cutoff=6.0, eta=12.0, first_shift=1.5, last_shift=5.7, shifts=16),
    angular=AngularSpec(cutoff=4.0, eta=8.0, first_shift=1.5, last_shift=3.7, shifts=8, zeta=14.1, sections=4),
)
#: Counts that are no multiples of the vector length.
ODD_AEV = AevSpec(
    radial=RadialSpec(cutoff=5.2, eta=16.0, first_shift=0.9, last_shift=4.9, shifts=11),
    angular=AngularSpec(cutoff=3.6, eta=8.0, first_shift=0.9, last_shift=3.2, shifts=5, zeta=32.0, sections=3),
)


def crystal(rng: np.random.Generator, repeat: int = 2, noise: float = 0.15, strain: float = 0.05) -> tuple:
    """A rattled, sheared FCC crystal of nickel: cell, positions, numbers."""
    atoms = bulk("Ni", cubic=True, a=3.52 * rng.uniform(0.95, 1.08)) * (repeat, repeat, repeat)
    deformation = np.eye(3) + rng.normal(0, strain, (3, 3))
    positions = atoms.positions @ deformation + rng.normal(0, noise, atoms.positions.shape)
    return atoms.cell.array @ deformation, positions, atoms.numbers


def crystals(count: int, seed: int = 0, **options: float) -> Configurations:
    rng = np.random.default_rng(seed)
    cells, positions, numbers = zip(*[crystal(rng, **options) for _ in range(count)], strict=True)
    return Configurations.build(cells, positions, numbers)


def pair_labels(configurations: Configurations, scale: float = 0.5) -> Labels:
    """Labels by a smooth repulsive pair potential, scale exp(−2(r − 2.4)) times (1 − r²/25)³ below 5 Å."""
    energy, stress = np.zeros(len(configurations)), np.zeros((len(configurations), 3, 3))
    forces = np.zeros((len(configurations.positions), 3))
    for c, (begin, end) in enumerate(zip(configurations.offsets[:-1], configurations.offsets[1:], strict=True)):
        x, cell = configurations.positions[begin:end].astype(np.float64), configurations.cell[c]
        reach = 1 if len(x) >= 32 else 3
        images = np.array(list(np.ndindex(*[2 * reach + 1] * 3))) - reach
        d = x[None, :, None] - x[:, None, None] + (images @ cell)[None, None]
        r = np.linalg.norm(d, axis=-1)
        inside = (r < 5) & (r > 1e-6)
        r = np.where(inside, r, 1.0)
        bare, cut = scale * np.exp(-2 * (r - 2.4)), np.maximum(1 - r**2 / 25, 0) ** 3
        slope = (-2 * bare * cut - bare * 6 * r / 25 * np.maximum(1 - r**2 / 25, 0) ** 2) * inside
        energy[c] = (bare * cut * inside).sum() / 2
        along = (slope / r)[..., None] * d
        forces[begin:end] = along.sum(axis=(1, 2))
        stress[c] = np.einsum("ijna,ijnb->ab", along, d) / 2 / abs(np.linalg.det(cell))
    return Labels(energy, forces.astype(np.float32), stress)


def labelled(count: int, seed: int = 0, **options: float) -> Configurations:
    configurations = crystals(count, seed, **options)
    return configurations.with_labels(pair_labels(configurations))


def settings(**changes: object) -> AniSpec:
    """A small recipe; ``changes`` go to the training part, except members, aev and network."""
    loss = LossSpec(energy_weight=1.0, energy_power=2.0, force_weight=0.03, stress_weight=0.0)
    training = {
        "epochs": 20,
        "batch": 8,
        "learning_rate": 5e-3,
        "weight_decay": 1e-4,
        "feature_floor": 0.03,
        "schedule": OneCycle(name="one_cycle", warmup=0.2),
        "loss": loss,
    }
    top = {name: changes.pop(name) for name in ("members", "aev", "network") if name in changes}
    network = NetworkSpec(hidden=(32, 16), activation="gelu")
    return AniSpec(
        **{"members": 1, "aev": AEV, "network": network} | top, training=OptimisationSpec(**training | changes)
    )


def untrained(
    aev: AevSpec = AEV, elements: tuple[int, ...] = (28,), members: int = 2, activation: str = "gelu"
) -> Ensemble:
    """An ensemble with random parameters and standardisation."""
    rng = np.random.default_rng(0)
    network = NetworkSpec(hidden=(32, 16), activation=activation)
    shape = (members, len(elements), aev.length(len(elements)))
    return Ensemble(
        aev=aev,
        network=network,
        elements=elements,
        scale=0.7,
        self_energies=rng.normal(-4, 1, shape[:2]),
        mean=rng.uniform(0, 1, shape).astype(np.float32),
        deviation=rng.uniform(0.05, 1, shape).astype(np.float32),
        parameters=initial_parameters(layer_widths(shape[-1], network.hidden), len(elements), range(members)),
        metadata={"training_data": "0" * 64},
    )


def alloyed(configurations: Configurations, seed: int = 0, elements: tuple[int, ...] = (28, 41)) -> Configurations:
    """The same cells with atoms of ``elements`` at random."""
    numbers = np.random.default_rng(seed).choice(np.array(elements, dtype=np.uint8), len(configurations.positions))
    return Configurations(
        configurations.n_atoms, configurations.cell, configurations.pbc, numbers, configurations.positions
    )


def cells() -> dict[str, Configurations]:
    """One of each: cubic, triclinic, tiny, large."""
    rng = np.random.default_rng(3)
    tiny = np.array([[2.6, 0.2, 0.0], [0.3, 2.4, 0.1], [0.2, 0.4, 2.9]])
    return {
        "cubic": crystals(1, 1, strain=0.0),
        "triclinic": crystals(1, 2, strain=0.12),
        "tiny": Configurations.build([tiny], [np.array([[0.1, 0.2, 0.3]])], [np.array([28])]),
        "large": crystals(1, 4, repeat=4),
        "unwrapped": Configurations.build([np.eye(3) * 7.1], [rng.uniform(-20, 20, (12, 3))], [np.full(12, 28)]),
    }


def as_atoms(configuration: Configurations) -> Atoms:
    return Atoms(
        configuration.atomic_numbers, configuration.positions, cell=configuration.cell[0], pbc=configuration.pbc[0]
    )
