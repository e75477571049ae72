"""Is the installation complete, and does each part really run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from foundational.errors import FoundationalError
from foundational.project import find_root
from foundational.specs.params import read_params
from foundational.specs.potentials import PotentialRegistry


@dataclass(frozen=True)
class Finding:
    """One thing that was examined."""

    name: str
    ok: bool
    message: str


def _package(module: str, extra: str) -> Callable[[], str]:
    def examine() -> str:
        try:
            import_module(module)
            return version(module)
        except (ImportError, PackageNotFoundError) as error:
            raise FoundationalError(f"{error}; install it with: pip install 'foundational[{extra}]'") from None

    return examine


def _lammps() -> str:
    from foundational.engines.lammps.library import lammps_instance  # noqa: PLC0415 - may be absent

    instance = lammps_instance()
    number = instance.version()
    instance.close()
    return f"version {number}, opens with its MPI library"


def examine(start: Path | None = None) -> list[Finding]:
    """Examine every part; nothing raises, each finding says how to mend what is missing."""

    def project() -> str:
        root = find_root(start)
        read_params(root / "params.yaml")
        return f"{root}, params.yaml is valid"

    def potentials() -> str:
        from foundational.engines.lammps.potentials import resolve_potential  # noqa: PLC0415 - may be absent

        root = find_root(start)
        registry = PotentialRegistry.read(root)
        for spec in registry.potentials:
            resolve_potential(spec.id, root)
        return f"{len(registry.potentials)} files, checksums right"

    examinations: dict[str, Callable[[], str]] = {
        "lammps": _lammps,
        "numba": _package("numba", "sampling"),
        "torch": _package("torch", "ani"),
        "torchani": _package("torchani", "ani"),
        "dvc": _package("dvc", "dvc"),
        "project": project,
        "potentials": potentials,
    }
    findings = []
    for name, look in examinations.items():
        try:
            findings.append(Finding(name, True, look()))
        except (FoundationalError, OSError) as error:
            findings.append(Finding(name, False, " ".join(str(error).split())))
    return findings
