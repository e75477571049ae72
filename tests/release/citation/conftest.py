"""A small released set of aluminium is the project of these tests."""

from tests.release.aluminium import project, project_template, released  # noqa: F401 - fixtures
