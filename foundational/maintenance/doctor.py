"""Is the installation complete, does each part really run, and how much of the disk does it use."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from foundational.errors import EXTRAS, FoundationalError
from foundational.project import find_root, project_or_none, user_store
from foundational.specs.params import read_params
from foundational.specs.potentials import PotentialRegistry

#: Packages that reading a dataset needs.
_BASE = ("numpy", "xarray", "zarr", "ase")


@dataclass(frozen=True)
class Finding:
    """One thing that was examined."""

    name: str
    ok: bool
    message: str
    needed: bool = True
    """Whether it is required for what can be done where the command ran: little is needed outside of a project."""


def _package(module: str) -> Callable[[], str]:
    def examine_package() -> str:
        try:
            import_module(module)
            return version(module)
        except (ImportError, PackageNotFoundError) as error:
            raise FoundationalError(f"{error}; install it with: pip install 'foundational[{EXTRAS[module]}]'") from None

    return examine_package


def _reading() -> str:
    for module in _BASE:
        import_module(module)
    return "datasets can be opened: " + ", ".join(f"{module} {version(module)}" for module in _BASE)


def _lammps() -> str:
    from foundational.engines.lammps.library import lammps_instance  # noqa: PLC0415 - may be absent

    instance = lammps_instance()
    number = instance.version()
    instance.close()
    return f"version {number}, opens with its MPI library"


def examine(start: Path | None = None) -> list[Finding]:
    """Examine every part; nothing raises, each finding says how to repair what is missing.

    Parameters
    ----------
    start
        The project; by default the one around the working directory. Outside of a project only what reads datasets is
        needed, and the packages that compute are examined for information.
    """
    project = project_or_none(start)

    def params() -> str:
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
        "reading": _reading,
        "lammps": _lammps,
        "numba": _package("numba"),
        "torch": _package("torch"),
        "torchani": _package("torchani"),
        "dvc": _package("dvc"),
    }
    if project is not None:
        examinations |= {"project": params, "potentials": potentials}
    findings = []
    for name, look in examinations.items():
        needed = project is not None or name == "reading"
        try:
            findings.append(Finding(name, True, look(), needed))
        except (FoundationalError, ImportError, OSError) as error:
            findings.append(Finding(name, False, " ".join(str(error).split()), needed))
    if project is None:
        message = "none here; list, show, check, pull, verify and cite work on pulled releases without one"
        findings.append(Finding("project", False, message, needed=False))
    return [*findings, *_disk_use(project)]


def _disk_use(project: Path | None) -> list[Finding]:
    """What takes room on the disk, and what may be deleted."""
    places = {"environment": (Path(sys.prefix), "")}
    if project is None:
        places["releases"] = (user_store(), "pulled releases; delete the folder of one that you do not need")
    else:
        places |= {
            "cache": (
                project / ".dvc" / "cache",
                "dvc gc --workspace --all-tags keeps only what the checkout and the releases use",
            ),
            "build": (project / "build", "interrupted runs, bundles, the quick pipeline; may be deleted"),
        }
    return [
        Finding(name, True, f"{_megabytes(folder):,.0f} MB in {folder}" + (f" ({hint})" if hint else ""), needed=False)
        for name, (folder, hint) in places.items()
    ]


def _megabytes(folder: Path) -> float:
    """Size of all files below ``folder``, MB; a file with several names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:  # removed in the meantime
            continue
        sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values()) / 1e6
