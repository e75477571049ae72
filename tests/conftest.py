"""What every test may rely on: the checkout, small projects, and a git identity where the machine has none."""

from pathlib import Path

import pytest

from foundational.testing import project as kit

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    return ROOT


@pytest.fixture(autouse=True)
def _hermetic(monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A project whose pool ``ni-momt-32`` has 120 configurations; for reading."""
    return kit.small_project(tmp_path_factory.mktemp("project") / "project", checkout)


@pytest.fixture
def project(tiny_project: Path, tmp_path: Path) -> Path:
    """A copy of the small project that a test may change."""
    return kit.copy_project(tiny_project, tmp_path / "project")


@pytest.fixture(scope="session")
def distilled_project(tiny_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the small project with its holdout and its distilled set; for reading."""
    return kit.distilled_project(tmp_path_factory.mktemp("distilled") / "project", tiny_project)
