"""A trained ensemble as a torchani model."""

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.units import Hartree
from numpy.typing import NDArray

from foundational.engines.ani.ensemble import Ensemble
from foundational.engines.ani.network import layer_widths, layers
from foundational.engines.ani.torch.torchani import import_torchani
from foundational.specs.ani import AevSpec


def to_torchani(ensemble: Ensemble) -> Any:
    """A ``torchani.arch.ANI`` (a torch module) with the numbers of ``ensemble``.

    Energies come in Hartree and lengths in Å, as torchani has it: its own ``.ase()`` calculator then gives eV.
    Standardisation is folded into the first layer, the energy scale and each member's self-energies into the last. A
    pair potential becomes one of torchani's potentials.
    The terms for short distances and for lone atoms are not carried over: torchani has no place for them. Within the
    training data they are zero. ``model.short_range_left_out`` says whether the ensemble has such terms.
    """
    import torch  # noqa: PLC0415 - slow to import, and absent from an installation without training

    torchani = import_torchani()
    widths = layer_widths(ensemble.mean.shape[-1], ensemble.network.hidden)
    symbols = [chemical_symbols[z] for z in ensemble.elements]
    common = ensemble.self_energies.mean(axis=0)
    members = []
    for m in range(ensemble.members):
        networks = {}
        for e, symbol in enumerate(symbols):
            network = torchani.nn.AtomicNetwork([*widths, 1], activation=ensemble.network.activation, bias=True)
            modules = [*network.layers, network.final_layer]
            for module, (weight, bias) in zip(modules, _folded(ensemble, m, e, widths, common[e]), strict=True):
                module.weight.data = torch.tensor(weight.T, dtype=torch.float32)
                module.bias.data = torch.tensor(bias, dtype=torch.float32)
            networks[symbol] = network
        members.append(torchani.nn.ANINetworks(networks))
    networks = members[0] if len(members) == 1 else torchani.nn.Ensemble(members)
    model = torchani.arch.ANI(
        symbols=symbols,
        aev_computer=aev_computer(ensemble.aev, len(symbols)),
        neural_networks=networks,
        energy_shifter=torchani.sae.SelfEnergy(symbols, [float(e) / Hartree for e in common]),
        potentials={} if ensemble.pair_potential is None else {"pairs": pair_potential(ensemble)},
    )
    model.short_range_left_out = ensemble.short_range is not None
    return model


def pair_potential(ensemble: Ensemble) -> Any:
    """The pair potential of ``ensemble`` as a ``torchani.potentials.BasePairPotential``."""
    import torch  # noqa: PLC0415 - as above

    from foundational.engines.ani.torch.short_range import look_up  # noqa: PLC0415 - imports torch

    torchani = import_torchani()
    assert ensemble.pair_potential is not None
    tables = ensemble.pair_potential.tables

    class TabulatedPairs(torchani.potentials.BasePairPotential):  # type: ignore[misc, name-defined]
        """Hermite's cubics between the distances of a table."""

        def __init__(self) -> None:
            symbols = [chemical_symbols[z] for z in ensemble.elements]
            super().__init__(symbols, cutoff=tables.cutoff, cutoff_fn="dummy")
            self.register_buffer("values", torch.tensor(tables.inner / Hartree, dtype=torch.float64))

        def pair_energies(self, elem_idxs: Any, neighbors: Any) -> Any:
            own, other = elem_idxs.view(-1)[neighbors.indices]
            found = look_up(self.values, own, other, neighbors.distances.double(), tables)
            return found.to(neighbors.distances.dtype)

    return TabulatedPairs()


def aev_computer(spec: AevSpec, n_elements: int) -> Any:
    """Torchani's own computer of the vectors of ``spec``."""
    torchani = import_torchani()
    radial, angular = spec.radial, spec.angular
    return torchani.aev.AEVComputer(
        radial=torchani.aev.ANIRadial(radial.eta, radial.shift_values(), radial.cutoff),
        angular=torchani.aev.ANIAngular(
            angular.eta, angular.zeta, angular.shift_values(), angular.section_values(), angular.cutoff
        ),
        num_species=n_elements,
    )


def _folded(
    ensemble: Ensemble, m: int, e: int, widths: NDArray[np.int64], common: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Weights (in, out) and biases of one network that takes bare vectors and gives Hartree above ``common`` eV."""
    folded = [(w.astype(np.float64), b.astype(np.float64)) for w, b in layers(ensemble.parameters[m, e], widths)]
    weight, bias = folded[0]
    weight = weight / ensemble.deviation[m, e][:, None]
    folded[0] = (weight, bias - ensemble.mean[m, e] @ weight)
    weight, bias = folded[-1]
    shift = ensemble.self_energies[m, e] - common
    folded[-1] = (weight * ensemble.scale / Hartree, (bias * ensemble.scale + shift) / Hartree)
    return folded
