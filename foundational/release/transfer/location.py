"""Where released versions lie on this machine. Nothing that opens data is imported.

In a project the version that the project holds lies in ``datasets/<name>``, any other in
``datasets/local/<name>-<version>``; elsewhere they lie in the user's own store, ``$XDG_DATA_HOME/foundational`` or
``~/.local/share/foundational``, beside a copy of the registry.
"""

import warnings
from os import PathLike
from pathlib import Path

from foundational.data.integrity.hashes import sha256_of
from foundational.data.integrity.store_manifest import ROOT
from foundational.errors import NotFoundError, did_you_mean
from foundational.project import DATASETS, STORE, can_be_name, locate_dataset, project_or_none, user_store
from foundational.release.record import RECORD, read_release
from foundational.release.registry.registry import Registry, Release, YankedWarning, known_registry, read_registry
from foundational.release.registry.version import DatasetVersion, Version, is_version, parse_dataset_version


def locate(name_or_path: str | PathLike[str], root: Path | None = None) -> Path:
    """The store that a name, a name@version or a path means.

    A name alone is the working copy in a project, and the newest pulled release outside of one.

    Raises
    ------
    NotFoundError
        It is not on this machine; the message says how to fetch it.
    InputError
        The registry was edited by hand.

    Warns
    -----
    YankedWarning
        The version was withdrawn.
    """
    if not isinstance(name_or_path, str) or "@" not in name_or_path or Path(name_or_path).exists():
        try:
            return locate_dataset(name_or_path, root)
        except NotFoundError:
            if not isinstance(name_or_path, str) or not can_be_name(name_or_path) or project_or_none(root) is not None:
                raise
        return _newest_pulled(name_or_path)
    reference = parse_dataset_version(name_or_path)
    if reference.version is None:
        raise NotFoundError(f"expected a version after the @ of {name_or_path!r}, such as {reference.name}@1.0.0")
    project = project_or_none(root)
    registry = known_registry(reference.name, project)
    entry = registry.find(reference.version) if registry.releases else None
    for store in _places(reference.name, reference.version, project):
        if _is_release(store, reference, entry):
            if str(reference.version) in registry.yanked:
                warnings.warn(withdrawn(reference, registry), YankedWarning, stacklevel=3)
            return store
    where = "" if project is not None and entry is not None else " --from URL, folder or zip"
    raise NotFoundError(f"{reference} is not on this machine; fetch it with: foundational pull {reference}{where}")


def pulled_versions(name: str) -> list[Version]:
    """Versions of ``name`` in the user's store, oldest first, those that were withdrawn among them."""
    stores = (user_store() / name).glob(f"*/{STORE}")
    return sorted(Version.parse(s.parent.name) for s in stores if is_version(s.parent.name))


def _newest_pulled(name: str) -> Path:
    """The store of the newest version of ``name`` in the user's store that was not withdrawn."""
    versions = pulled_versions(name)
    yanked = read_registry(user_store() / name).yanked
    valid = [version for version in versions if str(version) not in yanked]
    if valid:
        return locate(f"{name}@{valid[-1]}")
    if versions:
        raise NotFoundError(
            f"every version of {name!r} on this machine was withdrawn; pull a newer one, or open {name}@{versions[-1]}"
        )
    pulled = sorted({store.parents[1].name for store in user_store().glob(f"*/*/{STORE}")})
    raise NotFoundError(
        f"no dataset {name!r} was pulled to this machine, and {Path.cwd()} is in no project; "
        f"{did_you_mean(name, pulled)} (fetch it with: foundational pull {name} --from URL, folder or zip)"
    )


def _places(name: str, version: Version, project: Path | None) -> list[Path]:
    places = [user_store() / name / str(version) / STORE]
    if project is not None:
        places = [project / DATASETS / name / STORE, beside(project, name, version), *places]
    return places


def beside(project: Path, name: str, version: Version) -> Path:
    """The store of a version that is not the one that the project holds."""
    return project / DATASETS / "local" / f"{name}-{version}" / STORE


def _is_release(store: Path, reference: DatasetVersion, entry: Release | None) -> bool:
    """Whether a store is that release: by its root document, or where no registry has it by the record beside it."""
    if not (store / ROOT).is_file():
        return False
    if entry is not None:
        return sha256_of(store / ROOT) == entry.root
    path = store.parent / RECORD
    if not path.is_file():
        return False
    record = read_release(path)
    return (record.name, record.version) == (reference.name, str(reference.version))


def withdrawn(reference: DatasetVersion, registry: Registry) -> str:
    """The warning that a version was withdrawn, with the one to take."""
    version = str(reference.version)
    newer = [r.version for r in registry.releases if r.version not in registry.yanked]
    instead = f"; take {reference.name}@{newer[-1]}" if newer else ""
    return f"{reference} was withdrawn: {registry.yanked[version]}{instead}"
