"""OpenSSH signatures of a release's manifest, made and verified by ``ssh-keygen -Y`` (its manual calls them SSHSIG).

The manifest holds the sha256 of every other file, so that its signature covers all of them.
"""

import base64
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from foundational.errors import ChecksumError, InputError, MissingDependencyError, NotFoundError

#: Keeps a signature made for another purpose from being passed off as one of a release.
NAMESPACE: Final = "foundational-release"
SUFFIX: Final = ".sig"


def sign(path: Path, key: Path) -> Path:
    """Sign a file with the private ``key``; the signature's file, beside it.

    A key with a passphrase is asked for on the terminal, or taken from a running ssh-agent.

    Raises
    ------
    NotFoundError
        There is no such key.
    InputError
        ssh-keygen refuses it.
    MissingDependencyError
        There is no ssh-keygen.
    """
    if not key.is_file():
        raise NotFoundError(f"{key}: expected a private OpenSSH key, found no such file")
    signature = path.with_name(path.name + SUFFIX)
    signature.unlink(missing_ok=True)  # ssh-keygen would ask whether to replace it
    run = _ssh_keygen("sign", "-q", "-f", str(key), "-n", NAMESPACE, str(path))
    if run.returncode or not signature.is_file():
        raise InputError(f"{key}: expected a key that can sign: {_reason(run)}")
    return signature


def signer(path: Path, signature: Path, signers: Path) -> str:
    """Who of the ``signers`` (a file in the format of ALLOWED SIGNERS of ssh-keygen's manual) signed a file.

    Raises
    ------
    NotFoundError
        There is no file of signers.
    ChecksumError
        None of them did.
    """
    if not signers.is_file():
        raise NotFoundError(f"{signers}: expected a file of allowed signers, found none")
    found = _ssh_keygen("find-principals", "-f", str(signers), "-s", str(signature))
    for principal in found.stdout.decode(errors="replace").split() if found.returncode == 0 else []:
        arguments = ("-f", str(signers), "-I", principal, "-n", NAMESPACE, "-s", str(signature))
        if _ssh_keygen("verify", *arguments, content=path.read_bytes()).returncode == 0:
            return principal
    raise ChecksumError(f"{signature.name} is by none of the signers in {signers}, or of another manifest")


def require_valid(path: Path, signature: Path) -> None:
    """Refuse a signature that does not belong to the file; who made it is not asked.

    Raises
    ------
    ChecksumError
        It does not.
    """
    run = _ssh_keygen("check-novalidate", "-n", NAMESPACE, "-s", str(signature), content=path.read_bytes())
    if run.returncode or not _is_plain(signature.read_bytes()):
        raise ChecksumError(f"{signature.name} is damaged, or of another {path.name}: {_reason(run)}")


def _is_plain(armoured: bytes) -> bool:
    """Whether a signature is spelled as ssh-keygen spells it, which itself reads other white space too."""
    first, *lines, last, end = armoured.split(b"\n")
    try:
        body = base64.b64encode(base64.b64decode(b"".join(lines), validate=True))
    except ValueError:
        return False
    spelled = [body[i : i + 70] for i in range(0, len(body), 70)]
    return (first, last, end) == (
        b"-----BEGIN SSH SIGNATURE-----",
        b"-----END SSH SIGNATURE-----",
        b"",
    ) and lines == spelled


def _ssh_keygen(action: str, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with tempfile.TemporaryFile() as stdin:
        stdin.write(content)
        stdin.seek(0)
        try:
            command = ["ssh-keygen", "-Y", action, *arguments]
            return subprocess.run(command, stdin=stdin, capture_output=True, check=False)
        except FileNotFoundError:
            raise MissingDependencyError("expected ssh-keygen on the PATH, found none; install OpenSSH") from None


def _reason(run: subprocess.CompletedProcess[bytes]) -> str:
    lines = (run.stderr + run.stdout).decode(errors="replace").split("\n")
    return next((line.strip() for line in lines if line.strip()), f"ssh-keygen ended with status {run.returncode}")
