"""Git tags that follow from the registry, named as GTO names the versions of an artifact: ``ni@v1.0.0``."""

from pathlib import Path

from foundational.errors import ConflictError, NotFoundError
from foundational.project import DATASETS
from foundational.release.registry.git import commit_of, git, read_at
from foundational.release.registry.registry import (
    REGISTRY,
    Registry,
    history,
    parse_registry,
    read_registry,
    require_history,
)


def tag_releases(root: Path, name: str) -> list[str]:
    """Tag the commit that brought each release of ``name`` into the registry; the tags that are new.

    Raises
    ------
    NotFoundError
        A release is not committed yet.
    ConflictError
        A tag of that name stands at a commit whose registry lacks the release.
    """
    registry = read_registry(root / DATASETS / name)
    require_history(root, name, registry)
    commits = list(history(root, name))
    made = []
    for release in registry.releases:
        tag = f"{name}@v{release.version}"
        commit = next((commit for commit, then in commits if release in then.releases), None)
        if commit is None:
            raise NotFoundError(f"{tag}: the release is not committed; commit {DATASETS}/{name} first")
        try:
            tagged = commit_of(root, f"refs/tags/{tag}")
        except NotFoundError:
            git(root, "tag", "-a", tag, "-m", f"{name} {release.version}", commit)
            made.append(tag)
            continue
        if release not in _registry_at(root, tagged, name).releases:
            raise ConflictError(
                f"the tag {tag} stands at {tagged[:12]}, where the registry lacks the release; "
                f"remove it with: git tag -d {tag}"
            )
    return made


def _registry_at(root: Path, commit: str, name: str) -> Registry:
    path = f"{DATASETS}/{name}/{REGISTRY}"
    try:
        return parse_registry(read_at(root, commit, path), path, name)
    except NotFoundError:
        return Registry(name=name)
