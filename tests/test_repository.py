"""What is committed would be welcome on any machine."""

import subprocess
from hashlib import md5
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MB = 1e6
STORE = "datasets/.store/"

# Assembled, so that this file does not match itself.
MACHINE_PATHS = [
    "/" + name + "/" for name in ("work", "farm", "root", "home", "opt/wheels", "opt/pypi", "tmp/bash_jobs")
]
REGISTRY_HOSTS = [
    ".".join(name) for name in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian"))
]


def git(*arguments: str) -> list[str]:
    """Lines that git prints; safe.directory so that a checkout of another user's can be read."""
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    return run.stdout.splitlines()


def tracked_sizes() -> dict[str, int]:
    return {name: (ROOT / name).stat().st_size for name in git("ls-files") if (ROOT / name).is_file()}


def test_no_tracked_file_names_a_machine_path_or_a_registry() -> None:
    patterns = [argument for pattern in MACHINE_PATHS + REGISTRY_HOSTS for argument in ("-e", pattern)]
    assert git("grep", "-nIF", *patterns, "--", ".") == []


def test_repository_stays_small() -> None:
    sizes = tracked_sizes()
    assert sum(sizes.values()) < 55 * MB
    assert {name: size for name, size in sizes.items() if size > 4 * MB and not name.startswith(STORE)} == {}


def test_bundled_store_holds_only_whole_objects() -> None:
    """DVC names each file of the store by the MD5 of its bytes."""
    objects = [ROOT / name for name in git("ls-files", STORE)]
    assert objects
    damaged = [
        str(path)
        for path in objects
        if path.parent.name + path.name.removesuffix(".dir")
        != md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    ]
    assert damaged == []


def test_no_checkout_changes_ends_of_lines() -> None:
    """Records and code are compared byte by byte; git of Windows would write CRLF where nothing forbids it."""
    paths = ["datasets/ni/provenance.json", "datasets/ni/releases.yaml", "params.yaml", "foundational/units.py"]
    said = subprocess.run(["git", "check-attr", "text", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.rpartition(" ")[2] for line in said.stdout.splitlines()] == ["unset"] * len(paths)
