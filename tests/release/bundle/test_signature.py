import shutil
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foundational.cli.main import app
from foundational.errors import InputError, MissingDependencyError, NotFoundError
from foundational.release.bundle.signature import _is_plain, require_valid, sign, signer
from foundational.release.bundle.verification import SIGNATURE
from foundational.stages.verify.command import verify

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH's ssh-keygen")


@pytest.fixture(scope="session")
def keys(tmp_path_factory) -> Path:
    """Two key pairs, anna and ben, and files of signers with each."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("anna", "ben"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
        public = (folder / f"{name}.pub").read_text()
        (folder / f"{name}.signers").write_text(f"{name}@example.org {public}")
    return folder


@pytest.fixture
def signed(project, keys):
    return project.released(key=keys / "anna").bundle


def test_a_release_is_announced_signed_and_pulled_with_its_signer(project, keys, tmp_path, monkeypatch):
    """A dry run writes nothing; the next command is named; who pulls it learns who signed."""
    command = ["release", "ni", "--root", str(project.root), "--out", str(project.out)]
    dry = CliRunner().invoke(app, [*command, "--dry-run"])
    assert dry.stdout.splitlines()[0] == "ni@1.0.0 would be released"
    assert "next:" not in dry.stdout
    assert not (project.folder / "releases.yaml").exists()
    done = CliRunner().invoke(app, [*command, "--sign", str(keys / "anna")])
    assert done.exit_code == 0, done.exception
    said = done.stdout.splitlines()
    assert said[0] == "ni@1.0.0 is released"
    assert said[-2] == f"bundle: {project.out / 'ni' / 'ni-1.0.0.zip'}"
    assert said[-1].startswith("next: ")
    assert said[-1].endswith("git add datasets && git commit -m 'Release ni@1.0.0'; foundational release ni --tag")
    project.commit("release")
    again = CliRunner().invoke(app, command)
    assert again.stdout.startswith("ni@1.0.0 is released, and nothing changed since\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    pull = ["pull", "ni@1.0.0", "--from", str(project.out), "--signers", str(keys / "anna.signers")]
    pulled = CliRunner().invoke(app, pull)
    assert pulled.stdout.splitlines()[1] == "signed by anna@example.org"


def test_a_signature_is_verified_against_the_allowed_signers(project, signed, keys):
    for what in (str(signed), str(signed.with_suffix("")), "ni@1.0.0"):
        found = verify(what, project.root, signers=keys / "anna.signers")
        assert (found.problems, found.signed_by) == ((), "anna@example.org"), what
        [problem] = verify(what, project.root, signers=keys / "ben.signers").problems
        assert "none of the signers" in problem


def test_a_signature_is_found_damaged_without_signers(project, signed):
    bundle = signed.with_suffix("")
    assert verify(str(bundle), project.root).problems == ()
    path = bundle / "manifest.json.sig"
    lines = path.read_text().splitlines()
    lines[3] = lines[3][:-5] + ("AAAAA" if not lines[3].endswith("AAAAA") else "BBBBB")
    path.write_text("\n".join(lines) + "\n")
    [problem] = verify(str(bundle), project.root).problems
    assert problem.startswith("manifest.json.sig is damaged")


def test_a_signature_for_another_purpose_is_none(project, signed, keys):
    bundle = signed.with_suffix("")
    (bundle / "manifest.json.sig").unlink()
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", keys / "anna", "-n", "file", bundle / "manifest.json"]
    subprocess.run(command, check=True)
    [problem] = verify(str(bundle), project.root, signers=keys / "anna.signers").problems
    assert "none of the signers" in problem


def test_an_unsigned_release_is_not_taken_for_signed(project, keys):
    done = project.released()
    for what in (str(done.bundle), "ni@1.0.0"):
        [problem] = verify(what, project.root, signers=keys / "anna.signers").problems
        assert "signature" in problem


def test_a_signed_bundle_is_made_again_with_its_signature(project, signed):
    content = signed.read_bytes()
    shutil.rmtree(project.out)
    assert project.release().bundle.read_bytes() == content


def test_what_is_no_key_or_no_file_of_signers_is_refused(project, keys):
    with pytest.raises(NotFoundError, match="expected a private OpenSSH key"):
        project.release(key=keys / "none")
    with pytest.raises(InputError, match="expected a key that can sign"):
        project.release(key=keys / "anna.signers")
    assert not (project.folder / "releases.yaml").exists()
    done = project.release(key=keys / "anna")
    with pytest.raises(NotFoundError, match="allowed signers"):
        verify(str(done.bundle), project.root, signers=keys / "none")


def test_a_certified_key_that_is_in_an_agent_alone_signs_and_is_verified_offline(tmp_path, monkeypatch):
    """As a CI job can: the file of signers names the authority, and no private key lies on the disk."""
    for name in ("authority", "job"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    certify = ["ssh-keygen", "-q", "-s", tmp_path / "authority", "-I", "job", "-n", "ci@example.org", "-V", "+1d"]
    subprocess.run([*certify, tmp_path / "job.pub"], check=True)
    kind, text, *_ = (tmp_path / "authority.pub").read_text().split()
    (tmp_path / "signers").write_text(f"ci@example.org cert-authority {kind} {text}\n")
    (tmp_path / "manifest.json").write_text("{}\n")
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL) as agent:
        try:
            for _ in range(200):
                if (tmp_path / "agent").exists():
                    break
                time.sleep(0.02)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
            subprocess.run(["ssh-add", "-q", tmp_path / "job"], check=True, capture_output=True)
            (tmp_path / "job").unlink()
            made = sign(tmp_path / "manifest.json", tmp_path / "job-cert.pub")
        finally:
            agent.terminate()
    assert signer(tmp_path / "manifest.json", made, tmp_path / "signers") == "ci@example.org"


def test_a_signature_is_spelled_in_one_way(signed):
    text = (signed.with_suffix("") / SIGNATURE).read_bytes()
    assert _is_plain(text)
    spaced, armour = text.replace(b"\n", b"\r\n"), text.replace(b"SSH", b"PGP", 1)
    for other in (text + b"\n", spaced, armour, text[:30] + b"!" + text[31:]):
        assert not _is_plain(other)
    lines = text.split(b"\n")
    assert not _is_plain(b"\n".join([lines[0], lines[1][:-4], lines[1][-4:] + lines[2], *lines[3:]]))


def test_without_openssh_its_name_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="expected ssh-keygen on the PATH"):
        require_valid(tmp_path / "file", tmp_path / "file")
