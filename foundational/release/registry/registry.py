"""``datasets/<name>/releases.yaml``: every version that was ever released, kept by git, the truth about releases.

An entry never changes. It carries a seal, a sha256 over itself, the dataset's name and the seal before it, so that an
edit is found without git; git's history tells what the file said before (see `history`). What is learned later, a DOI
or that a release was withdrawn, stands in maps of its own.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from ruamel.yaml import YAML

from foundational.data.atomic_write import write_whole
from foundational.errors import ConflictError, InputError, NotFoundError
from foundational.project import DATASETS, user_store
from foundational.provenance.record import Sha256
from foundational.release.record import BumpName, VersionText
from foundational.release.registry.git import commits_of, read_at
from foundational.release.registry.version import Version
from foundational.specs.base import Spec
from foundational.specs.parsing import parse, parse_yaml

REGISTRY = "releases.yaml"
#: Folder beside it with a folder a version: the release's record and manifest, kept by git.
RELEASES = "releases"
_HEADER = """\
# Releases of {name}. Written by `foundational release` and `foundational yank`, never by hand: entries are sealed.
"""


class Release(Spec):
    """One entry."""

    version: VersionText
    date: date
    """Day (UTC) of the commit."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    """What was checked out: it holds the data's DVC hash, the code and the records."""
    bump: BumpName | None
    fingerprint: Sha256
    root: Sha256
    """Of data.zarr/zarr.json, which holds the sha256 of every file of the store."""
    tracked: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.dir$")]
    """DVC's hash of data.zarr, by which it lies in a DVC remote."""
    manifest: Sha256
    """Of the bundle's manifest.json, which holds that of every file."""
    archive: Sha256
    """Of the bundle as a zip."""
    seal: Sha256


class YankedWarning(UserWarning):
    """A release that was withdrawn is being used."""


class Registry(Spec):
    """The content of ``releases.yaml``."""

    name: str
    releases: tuple[Release, ...] = ()
    """Oldest first."""
    dois: dict[VersionText, str] = Field(default_factory=dict)
    yanked: dict[VersionText, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    """Version and reason; the data stay where they are."""
    schema_version: Literal[1] = 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        versions = [Version.parse(release.version) for release in self.releases]
        if versions != sorted(set(versions)):
            raise ValueError(f"expected ascending versions, each once, got {', '.join(map(str, versions))}")
        seal = ""
        for release in self.releases:
            if release.seal != _seal(self.name, release, seal):
                raise ValueError(
                    f"the entry of {self.name}@{release.version} was edited after it was released: expected the "
                    f"seal {_seal(self.name, release, seal)[:12]}…, got {release.seal[:12]}…; restore it from git"
                )
            seal = release.seal
        foreign = (self.dois.keys() | self.yanked.keys()) - {release.version for release in self.releases}
        if foreign:
            raise ValueError(f"expected DOIs and withdrawals of released versions, got {', '.join(sorted(foreign))}")
        return self

    def find(self, version: Version | None = None) -> Release:
        """The release ``version``; by default the newest that was not withdrawn.

        Raises
        ------
        NotFoundError
            There is none.
        """
        releases = {release.version: release for release in self.releases}
        if version is not None and str(version) in releases:
            return releases[str(version)]
        valid = [text for text in releases if text not in self.yanked]
        if version is None and valid:
            return releases[valid[-1]]
        wanted = self.name if version is None else f"{self.name}@{version}"
        listed = [f"{text} (withdrawn)" if text in self.yanked else text for text in releases]
        raise NotFoundError(f"no release {wanted}; released: {', '.join(listed) or 'none'}")

    def released_as(self, fingerprint: str) -> str | None:
        """The newest version whose content has that fingerprint, or None."""
        return next((r.version for r in reversed(self.releases) if r.fingerprint == fingerprint), None)

    def with_release(self, **entry: object) -> "Registry":
        """The registry with one entry more, sealed."""
        last = self.releases[-1].seal if self.releases else ""
        unsealed = Release.model_validate(entry | {"seal": "0" * 64})
        sealed = unsealed.model_copy(update={"seal": _seal(self.name, unsealed, last)})
        return parse(Registry, self.model_dump() | {"releases": [*self.releases, sealed]}, REGISTRY)

    def with_yanked(self, version: Version, reason: str) -> "Registry":
        """The registry that says why ``version`` is withdrawn.

        Raises
        ------
        NotFoundError
            It was never released.
        ConflictError
            It is withdrawn already, for another reason.
        InputError
            The reason is empty.
        """
        release = self.find(version)
        text = " ".join(reason.split())
        if not text:
            raise InputError("expected a reason for the withdrawal, got none")
        if not text.isprintable():
            raise InputError(f"expected a reason in letters that can be printed, got {text[:80]!r}")
        if self.yanked.get(release.version, text) != text:
            raise ConflictError(f"{self.name}@{version} is withdrawn already, because: {self.yanked[release.version]}")
        return self.model_copy(update={"yanked": self.yanked | {release.version: text}})

    def with_doi(self, version: Version, doi: str) -> "Registry":
        """The registry with the DOI of ``version``.

        Raises
        ------
        NotFoundError
            It was never released.
        ConflictError
            It has another DOI.
        """
        release = self.find(version)
        if self.dois.get(release.version, doi) != doi:
            raise ConflictError(f"{self.name}@{version} has the DOI {self.dois[release.version]}, got {doi}")
        return self.model_copy(update={"dois": self.dois | {release.version: doi}})


def read_registry(folder: Path) -> Registry:
    """The registry in a dataset's folder; an empty one where the folder has none.

    Raises
    ------
    InputError
        An entry was edited, a version stands twice, or the file is no registry.
    """
    path = folder / REGISTRY
    if not path.is_file():
        return Registry(name=folder.name)
    return parse_registry(path.read_bytes(), str(path), folder.name)


def known_registry(name: str, project: Path | None) -> Registry:
    """The project's registry of ``name``, else the copy in the user's store, else an empty one."""
    own = Registry(name=name) if project is None else read_registry(project / DATASETS / name)
    return own if own.releases else read_registry(user_store() / name)


def parse_registry(content: bytes, source: str, name: str) -> Registry:
    """The registry in ``content``, of the dataset ``name``.

    Raises
    ------
    InputError
        See `read_registry`, or it is the registry of another dataset.
    """
    registry = parse(Registry, parse_yaml(content, source), source)
    if registry.name != name:
        raise InputError(f"{source}: expected the registry of {name!r}, got that of {registry.name!r}")
    return registry


def write_registry(folder: Path, registry: Registry) -> None:
    """Write ``releases.yaml`` into a dataset's folder, whole or not at all.

    Raises
    ------
    InputError
        What would be written could not be read again.
    """
    text = registry_text(registry)
    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise InputError(f"expected text in UTF-8 for {REGISTRY}, got other bytes") from None
    if parse_registry(content, REGISTRY, registry.name) != registry:
        raise InputError(f"expected text for {REGISTRY} that is the same when it is read again, got another kind")
    write_whole(folder / REGISTRY, [content])


def registry_text(registry: Registry) -> str:
    """The one way in which a registry is written."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.width = 1_000
    stream = StringIO()
    yaml.dump(registry.model_dump(mode="json", exclude={"schema_version"}) | {"schema_version": 1}, stream)
    return _HEADER.format(name=registry.name) + stream.getvalue()


def history(root: Path, name: str) -> Iterator[tuple[str, Registry]]:
    """(commit, registry) for every commit that touched the registry of ``name``, oldest first.

    A commit whose registry cannot be read (it was edited then) is skipped: it released nothing.
    """
    path = f"{DATASETS}/{name}/{REGISTRY}"
    for commit in commits_of(root, path):
        try:
            yield commit, parse_registry(read_at(root, commit, path), path, name)
        except (NotFoundError, InputError):
            continue


def require_history(root: Path, name: str, registry: Registry) -> None:
    """Refuse a registry that lost or changed something that git remembers of it.

    Raises
    ------
    ConflictError
        Names the versions.
    """
    now = {release.version: release for release in registry.releases}
    for commit, before in history(root, name):
        changed = [release.version for release in before.releases if now.get(release.version) != release]
        changed += [version for version, text in before.yanked.items() if registry.yanked.get(version) != text]
        changed += [version for version, doi in before.dois.items() if registry.dois.get(version) != doi]
        if changed:
            raise ConflictError(
                f"{REGISTRY} of {name!r} no longer says of {', '.join(changed)} what it said at the "
                f"commit {commit[:12]}; released versions never change: restore it with "
                f"git checkout {commit[:12]} -- {DATASETS}/{name}/{REGISTRY}"
            )


def merged(first: Registry, second: Registry) -> Registry:
    """The longer of two copies of a registry; the other must be its beginning.

    Raises
    ------
    ConflictError
        Their histories differ.
    """
    longer, shorter = sorted((second, first), key=lambda registry: -len(registry.releases))
    for a, b in zip(shorter.releases, longer.releases, strict=False):
        if a != b:
            raise ConflictError(
                f"two registries of {first.name!r} say different things of {a.version} and {b.version}; "
                "released versions never change: one was edited"
            )
    return longer.model_copy(update={"yanked": shorter.yanked | longer.yanked, "dois": shorter.dois | longer.dois})


def learned(known: Registry, said: Registry) -> Registry:
    """What is known once a server's registry was read: its releases, and nothing else that it says of known ones.

    Seals show that a history continues as it began; they are no signature. So a server decides neither which known
    version is withdrawn nor by which DOI it is cited. Where nothing was known before, all of it is taken.

    Raises
    ------
    ConflictError
        Their histories differ.
    """
    return merged(known, said.model_copy(update={"yanked": {}, "dois": {}}) if known.releases else said)


def doubts(known: Registry, said: Registry, source: str) -> list[str]:
    """What a server's registry says otherwise than the one on this machine, one sentence each."""
    if not known.releases:
        return []
    found = []
    if len(said.releases) < len(known.releases):
        last = said.releases[-1].version if said.releases else "no release"
        found.append(
            f"the registry at {source} ends with {last}, the one on this machine with {known.releases[-1].version}: "
            "it is old, or was rolled back"
        )
    found += [
        f"{source} says that {said.name}@{version} was withdrawn: {reason}; its registry carries no signature, so "
        "this is not kept"
        for version, reason in said.yanked.items()
        if known.yanked.get(version) != reason
    ]
    found += [
        f"{source} says that the DOI of {said.name}@{version} is {doi}; its registry carries no signature, so this is "
        "not kept"
        for version, doi in said.dois.items()
        if known.dois.get(version) != doi
    ]
    return found


def _seal(name: str, release: Release, before: str) -> str:
    content = release.model_dump(mode="json", exclude={"seal"}) | {"name": name, "before": before}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
