"""What somebody can do who means harm: a mirror, a signer, an editor of the registry, the author of a dataset.

    python -m benchmarks.faults.adversaries --json

Each attack is tried on a small project with two releases. It prints what happened: ``refused`` (an error, and nothing is
kept), ``warned`` (it has no effect, and the user is warned), ``harmless`` (it is shown as text), or ``succeeds``: only what
the threat model (docs/threat-model.md) says must be expected to succeed without a signature.
"""

import argparse
import functools
import http.server
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ATTACKS: list[tuple[str, str, Callable[["World"], str]]] = []
SCRIPT, ESCAPE = "<script>alert(1)</script>", "\x1b]0;owned\x07\x1b[2J"


@dataclass(frozen=True)
class World:
    """A project with ni@1.0.0 and ni@1.1.0, and a folder outside of it from which releases are pulled."""

    project: Any
    """tests.release.conftest.Project"""
    folder: Path
    """Empty; the user's own store is in it."""

    @property
    def mirror(self) -> Path:
        return self.project.out  # type: ignore[no-any-return]

    def pull(self, what: str, source: str, **options: Any) -> Any:
        from foundational.release.registry.version import parse_dataset_version
        from foundational.release.transfer.retrieval import pull

        with chdir(self.folder):
            return pull(parse_dataset_version(what), source, **options)

    def registry(self) -> Any:
        from foundational.release.registry.registry import read_registry

        return read_registry(self.project.folder)

    def publish(self, registry: Any) -> None:
        from foundational.release.registry.registry import registry_text

        (self.mirror / "ni" / "releases.yaml").write_text(registry_text(registry))

    def kept(self) -> Any:
        """The registry in the user's store."""
        from foundational.project import user_store
        from foundational.release.registry.registry import read_registry

        return read_registry(user_store() / "ni")


def attack(who: str, expected: str) -> Callable[[Callable[[World], str]], Callable[[World], str]]:
    def register(function: Callable[[World], str]) -> Callable[[World], str]:
        ATTACKS.append((who, expected, function))
        return function

    return register


def refused(call: Callable[[], Any]) -> str:
    """How a call ends: refused, where it raises an error of the package."""
    from foundational.errors import FoundationalError

    try:
        call()
    except FoundationalError:
        return "refused"
    return "succeeds"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a web server for a folder."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@attack("mirror", "warned")
def rolls_back_to_an_older_registry(world: World) -> str:
    """The user has 1.1.0; the mirror lists 1.0.0 alone, so that `pull ni` would bring the old one."""
    with served(world.mirror) as url:
        world.pull("ni@1.1.0", url)
        whole = world.registry()
        world.publish(whole.model_copy(update={"releases": whole.releases[:1]}))
        found = world.pull("ni", url)
    return "warned" if found.record.version == "1.1.0" and "rolled back" in " ".join(found.doubts) else "succeeds"


@attack("mirror", "refused")
def forks_the_history(world: World) -> str:
    """Another 1.0.0, with valid seals."""
    with served(world.mirror) as url:
        world.pull("ni@1.1.0", url)
        whole = world.registry()
        first = whole.releases[0].model_dump() | {"fingerprint": "0" * 64}
        world.publish(whole.model_copy(update={"releases": ()}).with_release(**first))
        return refused(lambda: world.pull("ni@1.0.0", url))


@attack("mirror", "refused")
def withholds_the_newest_release(world: World) -> str:
    """The registry lists it and the file is absent: no older one is taken in its place."""
    (world.mirror / "ni" / "ni-1.1.0.zip").unlink()
    with served(world.mirror) as url:
        return refused(lambda: world.pull("ni", url))


@attack("mirror", "warned")
def invents_a_withdrawal_and_a_doi(world: World) -> str:
    """So that the user takes an older version, or cites another work."""
    from foundational.release.registry.version import Version

    with served(world.mirror) as url:
        world.pull("ni@1.0.0", url)
        world.publish(world.registry().with_yanked(Version(1, 1, 0), "Wrong.").with_doi(Version(1, 0, 0), "10.1/evil"))
        found = world.pull("ni", url)
    unchanged = not world.kept().yanked and not world.kept().dois and found.record.version == "1.1.0"
    return "warned" if unchanged and len(found.doubts) == 2 else "succeeds"


def _invented(world: World) -> None:
    """A third version by the mirror itself, with seals and sums that are right."""
    data = world.project.dataset()
    for name in ("energy", "atomic_energies"):
        values = data[name].to_numpy().copy()
        values[0] += 1.0
        data[name] = (data[name].dims, values, data[name].attrs)
    world.project.write(data)
    world.project.commit()
    world.project.release(reason="Better labels.")


@attack("mirror", "succeeds")
def invents_a_release_without_signature(world: World) -> str:
    """A new version of its own: seals prove nothing of who made them."""
    with served(world.mirror) as url:
        world.pull("ni@1.0.0", url)
        _invented(world)
        return refused(lambda: world.pull("ni", url))


@attack("mirror", "refused")
def invents_a_release_where_a_signature_is_required(world: World) -> str:
    """The same, pulled with --signers."""
    signers = world.folder / "signers"
    signers.write_text(
        "me@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKvM5yYZQ2W6sDZpXUPuvJwL9wzvZ4n8bYl0uFqkzHqf\n"
    )
    with served(world.mirror) as url:
        _invented(world)
        return refused(lambda: world.pull("ni", url, signers=signers))


@attack("mirror", "refused")
def sends_other_bytes(world: World) -> str:
    """A zip of another release under the name of this one."""
    shutil.copyfile(world.mirror / "ni" / "ni-1.0.0.zip", world.mirror / "ni" / "ni-1.1.0.zip")
    with served(world.mirror) as url:
        return refused(lambda: world.pull("ni@1.1.0", url))


@attack("mirror", "refused")
def sends_a_registry_of_aliases(world: World) -> str:
    """A few hundred bytes that stand for gigabytes."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
    (world.mirror / "ni" / "releases.yaml").write_text("\n".join(levels))
    with served(world.mirror) as url:
        return refused(lambda: world.pull("ni", url))


def _key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def _signed(world: World, key: Path) -> Path:
    from foundational.release.bundle.signature import sign

    bundle = world.mirror / "ni" / "ni-1.1.0"
    sign(bundle / "manifest.json", key)
    return bundle


def _signers(world: World, key: Path, options: str = "") -> Path:
    path = world.folder / "signers"
    kind, text, *_ = key.with_suffix(".pub").read_text().split()
    path.write_text(f"me@example.org {options}{' ' if options else ''}{kind} {text}\n")
    return path


def _verified(bundle: Path, signers: Path) -> str:
    from foundational.release.bundle.verification import verify_bundle

    found = verify_bundle(bundle, signers=signers)
    return "succeeds" if found.ok else "refused"


@attack("signer", "refused")
def signs_by_another_key(world: World) -> str:
    """A valid signature by a key that is not among the signers."""
    bundle = _signed(world, _key(world.folder, "other"))
    return _verified(bundle, _signers(world, _key(world.folder, "mine")))


@attack("signer", "refused")
def signs_by_an_expired_key(world: World) -> str:
    """The signers file says valid-before, and that day is past."""
    key = _key(world.folder, "mine")
    return _verified(_signed(world, key), _signers(world, key, 'valid-before="20200101"'))


@attack("signer", "refused")
def signs_for_another_purpose(world: World) -> str:
    """A signature by the right key, made for git or mail."""
    key = _key(world.folder, "mine")
    bundle = world.mirror / "ni" / "ni-1.1.0"
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", "git", str(bundle / "manifest.json")]
    subprocess.run(command, check=True, capture_output=True)
    return _verified(bundle, _signers(world, key))


@attack("signer", "refused")
def moves_a_signature_to_other_data(world: World) -> str:
    """The signature of one release beside another one."""
    key = _key(world.folder, "mine")
    bundle = _signed(world, key)
    other = world.mirror / "ni" / "ni-1.0.0"
    shutil.copyfile(bundle / "manifest.json.sig", other / "manifest.json.sig")
    return _verified(other, _signers(world, key))


@attack("signer", "succeeds")
def changes_the_signers_file(world: World) -> str:
    """Who can write the file of signers decides who may sign: it belongs into git, or to root."""
    key = _key(world.folder, "other")
    return _verified(_signed(world, key), _signers(world, key))


@attack("editor", "refused")
def edits_an_entry_of_the_registry(world: World) -> str:
    """A fingerprint replaced by hand."""
    path = world.project.folder / "releases.yaml"
    entry = world.registry().releases[0]
    path.write_text(path.read_text().replace(entry.fingerprint, "0" * 64))
    return _found(world)


@attack("editor", "refused")
def edits_an_entry_and_computes_its_seals(world: World) -> str:
    """Seals need no secret; git and the kept manifests remember."""
    from foundational.release.registry.registry import write_registry

    whole = world.registry()
    changed = whole.model_copy(update={"releases": ()})
    for release in whole.releases:
        changed = changed.with_release(**(release.model_dump() | {"manifest": "0" * 64}))
    write_registry(world.project.folder, changed)
    return _found(world)


@attack("editor", "refused")
def takes_a_withdrawal_back(world: World) -> str:
    """A yank that is in git, removed from the file."""
    from foundational.release.registry.registry import write_registry
    from foundational.release.registry.version import Version

    before = world.registry()
    write_registry(world.project.folder, before.with_yanked(Version(1, 0, 0), "Wrong."))
    world.project.commit("yank")
    write_registry(world.project.folder, before)
    return _found(world)


def _found(world: World) -> str:
    """Whether verify names the registry."""
    from foundational.stages.verify.command import verify

    problems = verify("ni", world.project.root).problems
    return "refused" if any("registry" in problem for problem in problems) else "succeeds"


class _Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {tempfile.gettempdir()}/CANARY",)


@attack("author", "refused")
def sends_a_model_that_is_a_pickle(world: World) -> str:
    """Unpickling would run a command."""
    from foundational.engines.ani.model_file import load_model

    path = world.folder / "evil.model"
    path.write_bytes(pickle.dumps(_Payload()))
    found = refused(lambda: load_model(path))
    return found if not Path(tempfile.gettempdir(), "CANARY").exists() else "succeeds"


@attack("author", "refused")
def names_code_in_the_record(world: World) -> str:
    """A labeller ase:os:system, which `verify --relabel` would import and call."""
    from foundational.provenance.record import read_record, write_record
    from foundational.stages.verify.command import relabelled

    record = read_record(world.project.folder)
    labeller = record.labeller.model_copy(
        update={"id": "ase:os:system", "parameters": {"arguments": {"command": "touch CANARY"}}}
    )
    local = world.project.root / "datasets" / "local" / "evil"
    shutil.copytree(world.project.folder / "data.zarr", local / "data.zarr")
    write_record(local, record.model_copy(update={"labeller": labeller}))
    return refused(lambda: relabelled(local / "data.zarr", world.project.root, 1))


def _titled(world: World, title: str) -> None:
    path = world.project.folder / "about.yaml"
    path.write_text(path.read_text().replace("title: Nickel for tests", f"title: {json.dumps(title)}"))


@attack("author", "harmless")
def writes_a_script_into_the_title(world: World) -> str:
    """The card and the catalogue of a project show it as text."""
    _titled(world, f"x</script>{SCRIPT}")
    out = world.folder / "card.html"
    if _command(world, "card", "ni", "-o", str(out)) is None:
        return "refused"
    return "succeeds" if SCRIPT in out.read_text() or "x</script>" in out.read_text() else "harmless"


@attack("author", "harmless")
def writes_commands_of_a_terminal_into_the_title(world: World) -> str:
    """`show` prints them as letters."""
    _titled(world, f"Nickel{ESCAPE}")
    return "succeeds" if "\x1b" in (_command(world, "show", "ni") or "") else "harmless"


@attack("author", "harmless")
def writes_a_formula_for_a_spreadsheet(world: World) -> str:
    """The table of configurations holds numbers and words of this package alone: no text of others begins a cell."""
    _titled(world, "=cmd|'/c calc'!A1")
    cells = (world.mirror / "ni" / "ni-1.1.0" / "configurations.csv").read_text().replace("\n", ",").split(",")
    return "succeeds" if any(cell[:1] in {"=", "+", "@", "\t"} for cell in cells) else "harmless"


@attack("author", "refused")
def sends_a_zip_that_leads_out(world: World) -> str:
    """A file named ../evil in the zip of a release."""
    import zipfile

    path = world.folder / "ni-1.0.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil", "x")
    found = refused(lambda: world.pull("ni", str(path)))
    return found if not (world.folder.parent / "evil").exists() else "succeeds"


@attack("author", "refused")
def sends_a_small_zip_of_gigabytes(world: World) -> str:
    """A store whose root document is four gigabytes of zeros."""
    import zipfile

    from foundational.data.store import open_store

    path = world.folder / "data.zarr.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zarr.json", "w", force_zip64=True) as member,
    ):
        for _ in range(4 if os.environ.get("PYTEST_CURRENT_TEST") else 64):
            member.write(bytes(1 << 26))
    return refused(lambda: open_store(path))


def _command(world: World, *arguments: str) -> str | None:
    """What a command prints in the project; None where it is refused."""
    from typer.testing import CliRunner

    from foundational.cli.main import app

    with chdir(world.project.root):
        done = CliRunner().invoke(app, arguments)
    return None if done.exit_code else done.output


def run(project: Any, folder: Path, function: Callable[[World], str]) -> str:
    """What an attack on a copy of the project ends with."""
    copy = folder / "project"
    shutil.copytree(project.root, copy, symlinks=True)
    outside = folder / "outside"
    outside.mkdir()
    os.environ["XDG_DATA_HOME"] = str(folder / "user")
    return function(World(type(project)(copy), outside))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    import warnings

    from benchmarks.faults.inputs import small_release

    warnings.simplefilter("ignore")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve() / "template"
        root.mkdir()
        project = small_release(root, versions=2)
        for number, (who, expected, function) in enumerate(ATTACKS):
            folder = Path(temporary).resolve() / str(number)
            folder.mkdir()
            name = function.__name__.replace("_", " ")
            outcome = run(project, folder, function)
            rows.append(
                {"who": who, "attack": name, "expected": expected, "outcome": outcome, "what": function.__doc__}
            )
            print(f"{who}: {name}: {outcome}", file=sys.stderr, flush=True)
    if options.json:
        print(
            json.dumps(
                {"attacks": len(rows), "as_expected": sum(r["expected"] == r["outcome"] for r in rows), "rows": rows},
                indent=1,
            )
        )
        return
    for row in rows:
        print(
            f"| {row['who']} | {row['attack']} | {row['outcome']}{'' if row['outcome'] == row['expected'] else ' (!)'} |"
        )


if __name__ == "__main__":
    main()
