"""All rules over one dataset."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Final

from foundational.checks.belonging import check_belonging
from foundational.checks.collection import Collector
from foundational.checks.consistency import check_energy_unit, check_stress, pair_model
from foundational.checks.duplicates import check_duplicates
from foundational.checks.elements import check_elements
from foundational.checks.energies import check_energies, check_isolated_atoms
from foundational.checks.forces import check_net_force, check_stress_size, check_zero_forces, check_zero_stress
from foundational.checks.limits import CheckLimits
from foundational.checks.parts import Spread, Watch, count_in_parts
from foundational.checks.report import Finding, found, not_applicable, passed
from foundational.checks.stiffness import check_scale
from foundational.checks.work import check_work
from foundational.data.checks import TakesRows, check_dataset
from foundational.data.rules import RULES, Tolerances
from foundational.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

#: Of the rules of `foundational.data.rules`, those without which numbers cannot be compared.
_NEEDED: Final = {"schema", "bytes", "n_atoms", "finite", "elements", "cell"}


#: Rules that statistics state again, with more numbers.
_REPEATED: Final = {"duplicates", "net force"}
#: Rules that no number depends on, but other programs may.
_WARNINGS: Final = {"handedness": "some programs, such as LAMMPS, need right-handed cells"}


def check_all(
    dataset: "xr.Dataset",
    limits: CheckLimits,
    progress: Progress | None = None,
    hashes: TakesRows | None = None,
    spread: Spread | None = None,
) -> list[Finding]:
    """One finding a rule: first what must hold for each configuration, then what statistics say.

    Parameters
    ----------
    hashes
        Takes what the fingerprint is made of, as `foundational.data.fingerprint.fingerprint_of` does.
    spread
        Where the pass over all configurations runs in parts; None: in this process. The findings are the same.

    Raises
    ------
    ChecksumError
        If a chunk is damaged that the first rules did not read.
    """
    tolerances = Tolerances(
        limits.net_force,
        limits.net_force_share,
        limits.minimum_distance,
        covalent_share=limits.covalent_share,
        asymmetry=limits.stress_asymmetry,
    )
    watch = Watch(lambda: Collector.over(dataset, signatures=limits.duplicate_distance > 0, needed=_NEEDED), hashes)
    count = None if spread is None else partial(count_in_parts, spread, dataset, tolerances, watch, progress)
    violations = {
        v.rule: v
        for v in check_dataset(dataset, tolerances=tolerances, companion=watch, count=count, progress=progress)
    }
    findings = []
    repeated = set() if _NEEDED & violations.keys() else _REPEATED
    for rule in (r for r in RULES if r.name not in violations and all(name in dataset for name in r.needs)):
        if rule.name in repeated:
            continue
        findings.append(passed(rule.name, rule.expected.format(**asdict(tolerances))))
    findings += [
        found(
            v.rule,
            "warning" if v.rule in _WARNINGS else "defect",
            v.message,
            _WARNINGS.get(v.rule, ""),
            list(v.configurations),
        ).model_copy(update={"count": v.count})
        for v in violations.values()
        if v.rule not in repeated
    ]
    if _NEEDED & violations.keys():
        return [*findings, not_applicable("statistics", "configurations above cannot be read as numbers")]
    assert watch.collector is not None  # nothing was damaged
    data = watch.collector.collection(dataset)
    model = pair_model(dataset, data)
    findings += [
        check_elements(dataset, data),
        check_energies(data, limits),
        check_isolated_atoms(data, limits),
        check_net_force(data, limits),
        check_zero_forces(dataset, data),
        check_belonging(model, dataset, data, limits),
        check_zero_stress(data),
        check_stress_size(data, limits),
        check_stress(model, data, limits),
        check_energy_unit(model, data, limits),
        check_scale(data),
        *check_work(dataset, data, limits),
        *check_duplicates(dataset, data, limits),
    ]
    return findings
