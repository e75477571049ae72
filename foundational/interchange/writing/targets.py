"""Every trainer for which data can be written: what it opens, in which units, and by whose rule that is proven."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from foundational.errors import NotFoundError, did_you_mean
from foundational.interchange.proofs import arrays as array_rules
from foundational.interchange.proofs import databases as database_rules
from foundational.interchange.proofs import tables as table_rules
from foundational.interchange.proofs import text as text_rules
from foundational.interchange.proofs.received import Received
from foundational.interchange.writing import arrays, databases, tables, text
from foundational.interchange.writing.aselmdb import write_aselmdb
from foundational.interchange.writing.parts import AnyPart
from foundational.interchange.writing.plan import Demands, Plan

#: Writes a part to a path; gives the configurations in the order of the file where it is another one.
Writer = Callable[[AnyPart, Path, Plan], arrays.Rows | None]
_EV: Final = ("eV, of the whole cell", "eV/Å")
_STRESS: Final = "eV/Å³, tension positive"
_ABSENT: Final = "has no key; the trainer gives it no weight"
_EXCLUDED: Final = "a configuration that lacks a label which others have is excluded and counted"


#: A trainer that takes whatever has a label.
ANYTHING: Final = Demands()


@dataclass(frozen=True)
class Target:
    """A trainer, and how its data are written."""

    name: str
    trainer: str
    """With the version whose source was read."""
    path: str
    """Of a part, such as ``{part}.xyz``."""
    units: tuple[str, str, str]
    """Of energy, forces and stress: unit, sign, order."""
    unknown: str
    """How a label that is not known is written."""
    write: Writer
    read: Callable[[Path], Iterator[Received]]
    """The trainer's own rule, written down again; it knows nothing of the writer."""
    demands: Demands = ANYTHING
    renamed: Mapping[str, str] | None = None
    """Other names of parts."""
    single: bool = False
    """Whether numbers lose digits in its files: float32."""

    @property
    def rule(self) -> str:
        """The trainer's rule in words, with its source."""
        return " ".join((self.read.__doc__ or "").split())

    def file(self, part: str) -> str:
        """Path of a part, below the folder of the export."""
        return self.path.format(part=(self.renamed or {}).get(part, part))


def _text(flavour: text.Flavour) -> Writer:
    def write(part: AnyPart, path: Path, plan: Plan) -> None:  # noqa: ARG001 - a writer's signature
        text.write_text(part, path, flavour)

    return write


def _plain(write_part: Callable[[AnyPart, Path], arrays.Rows | None]) -> Writer:
    def write(part: AnyPart, path: Path, plan: Plan) -> arrays.Rows | None:  # noqa: ARG001 - a writer's signature
        return write_part(part, path)

    return write


def _systems(part: AnyPart, path: Path, plan: Plan, *, mixed: bool) -> arrays.Rows:
    return arrays.write_systems(part, path, plan.elements, mixed=mixed)


def _deepmd_lmdb(part: AnyPart, path: Path, plan: Plan) -> None:
    databases.write_deepmd_lmdb(part, path, plan.elements)


def _grace(part: AnyPart, path: Path, plan: Plan) -> None:
    tables.write_grace(part, path, plan.isolated)


_ENERGY_FORCES: Final = ("energy", "forces")
_FIXED: Final = Demands(needs=_ENERGY_FORCES, uniform=True)
_DEEPMD: Final = (*_EV, "virial −σV in eV, compression positive; xx xy xz yx yy yz zx zy zz")
_ROWS: Final = (
    Target(
        "mace",
        "MACE 0.3.16",
        "{part}.xyz",
        (f"REF_energy: {_EV[0]}", f"REF_forces: {_EV[1]}", f"REF_stress: {_STRESS}; xx yy zz yz xz xy"),
        _ABSENT,
        _text(text.MACE),
        text_rules.read_mace,
        Demands(isolated=True, heads=True),
    ),
    Target(
        "ase",
        "ASE 3.29 and what reads its calculators",
        "{part}.xyz",
        (f"energy, free_energy: {_EV[0]}", f"forces: {_EV[1]}", f"stress: {_STRESS}; nine numbers"),
        "has no key; the calculator refuses to give it",
        _text(text.ASE),
        text_rules.read_calculator,
        Demands(isolated=True),
    ),
    Target(
        "nequip",
        "NequIP 0.19, Allegro 0.8",
        "{part}.xyz",
        (f"energy: {_EV[0]}", f"forces: {_EV[1]}", f"stress: {_STRESS}; nine numbers"),
        "a stress has no key; the transform AddNaNStressTransform and ignore_nan in nequip.yaml are for that",
        _text(text.ASE),
        text_rules.read_calculator,
        Demands(needs=_ENERGY_FORCES),
    ),
    Target(
        "sevennet",
        "SevenNet 0.13",
        "{part}.xyz",
        (f"free_energy: {_EV[0]}", f"forces: {_EV[1]}", f"stress: {_STRESS}; nine numbers, read through ASE"),
        _EXCLUDED,
        _text(text.ASE),
        text_rules.read_sevennet,
        _FIXED,
    ),
    Target(
        "mattersim",
        "MatterSim 1.2.5",
        "{part}.pkl",
        (*_EV, f"{_STRESS}; MatterSim converts to GPa itself"),
        f"{_EXCLUDED}: MatterSim would train on zeros",
        _plain(databases.write_atoms),
        text_rules.read_mattersim,
        _FIXED,
    ),
    Target(
        "fairchem",
        "fairchem 2.24, UMA",
        "{part}",
        (*_EV, f"{_STRESS}; xx yy zz yz xz xy"),
        _EXCLUDED,
        _plain(write_aselmdb),
        database_rules.read_fairchem,
        _FIXED,
    ),
    Target(
        "metatrain",
        "metatrain 2026.4, UPET",
        "{part}",
        (*_EV, f"{_STRESS}; 3 × 3"),
        "is NaN",
        _plain(arrays.write_memmap),
        array_rules.read_memmap,
        Demands(needs=("energy",)),
        single=True,
    ),
    Target(
        "deepmd",
        "DeePMD-kit 3.2, systems of npy files",
        "{part}",
        _DEEPMD,
        "has no file in its system",
        partial(_systems, mixed=False),
        array_rules.read_systems,
        Demands(boundaries="boxed"),
    ),
    Target(
        "deepmd-mixed",
        "DeePMD-kit 3.2, systems of mixed types",
        "{part}",
        _DEEPMD,
        "has no file in its system",
        partial(_systems, mixed=True),
        array_rules.read_systems,
        Demands(boundaries="boxed"),
    ),
    Target(
        "deepmd-lmdb",
        "DeePMD-kit 3.2, LMDB",
        "{part}.lmdb",
        _DEEPMD,
        _EXCLUDED,
        _deepmd_lmdb,
        database_rules.read_deepmd_lmdb,
        Demands(needs=("energy",), uniform=True, boundaries="boxed"),
    ),
    Target(
        "grace",
        "GRACE (tensorpotential 0.6), pacemaker",
        "{part}.pckl.gzip",
        (*_EV, f"{_STRESS}; xx yy zz yz xz xy"),
        _EXCLUDED,
        _grace,
        table_rules.read_grace,
        _FIXED,
    ),
    Target(
        "orb",
        "Orb 0.7",
        "{part}.db",
        (*_EV, f"{_STRESS}; xx yy zz yz xz xy"),
        _EXCLUDED,
        _plain(databases.write_sqlite),
        database_rules.read_orb,
        _FIXED,
    ),
    Target(
        "nep",
        "NEP in GPUMD",
        "{part}.xyz",
        (f"energy: {_EV[0]}", f"forces: {_EV[1]}", "virial: −σV in eV, compression positive; nine numbers"),
        "a virial has no key; GPUMD gives it no weight",
        _text(text.NEP),
        text_rules.read_nep,
        Demands(needs=_ENERGY_FORCES, boundaries="boxed"),
        {"valid": "test", "test": "holdout"},
    ),
    Target(
        "torchani",
        "TorchANI 2.9",
        "{part}.h5",
        (
            "Hartree, of the whole cell",
            "Hartree/Å",
            "Hartree/Å³, tension positive; TorchANI's own training has no stress",
        ),
        "a stress is NaN",
        _plain(arrays.write_torchani),
        array_rules.read_torchani,
        Demands(needs=_ENERGY_FORCES),
    ),
    Target(
        "chgnet",
        "CHGNet 0.4.2",
        "{part}.json",
        ("eV per atom", "eV/Å", "kbar, compression positive (VASP's sign); 3 × 3"),
        _EXCLUDED,
        _plain(tables.write_chgnet),
        table_rules.read_chgnet,
        Demands(needs=_ENERGY_FORCES, uniform=True, boundaries="periodic"),
    ),
    Target(
        "parquet",
        "ColabFit and Hugging Face",
        "{part}.parquet",
        (f"energy: {_EV[0]}", f"atomic_forces: {_EV[1]}", f"cauchy_stress: {_STRESS}; 3 × 3"),
        "is null",
        _plain(tables.write_parquet),
        table_rules.read_parquet,
        Demands(isolated=True),
    ),
)
#: Targets by name.
TARGETS: Final[Mapping[str, Target]] = {target.name: target for target in _ROWS}


def target_named(name: str) -> Target:
    """The target called ``name``.

    Raises
    ------
    NotFoundError
        There is none; the closest name is offered.
    """
    if name not in TARGETS:
        raise NotFoundError(f"expected a trainer, got {name!r}; {did_you_mean(name, TARGETS)}")
    return TARGETS[name]
