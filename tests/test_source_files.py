from pathlib import Path

import pytest

from foundational import source_files
from foundational.source_files import digest_of, imported_modules, module_file


@pytest.fixture
def package(tmp_path, monkeypatch):
    """``a`` imports ``b`` at the top, ``c`` in a function and ``d`` for type checkers; ``b`` imports ``a``."""
    monkeypatch.setattr(source_files, "_FOLDER", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "part/__init__.py").write_text("")
    (tmp_path / "part/a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from foundational.part.b import x\n"
        "if TYPE_CHECKING:\n    from foundational.part import d\n"
        "def f():\n    from foundational.part import c\n"
    )
    (tmp_path / "part/b.py").write_text("import foundational.part.a\nx = 1\n")
    for name in "cde":
        (tmp_path / f"part/{name}.py").write_text("import numpy\n")
    return tmp_path


def test_imports_inside_functions_count_and_those_for_type_checkers_do_not(package):
    assert list(imported_modules("foundational.part.a")) == [
        "foundational.part",
        "foundational.part.a",
        "foundational.part.b",
        "foundational.part.c",
    ]


def test_a_name_in_a_module_is_no_module(package):
    assert module_file("foundational.part.b.x") is None
    assert module_file("numpy") is None


def test_modules_of_the_command_line_are_found_where_they_lie(checkout):
    assert module_file("foundational.cli.main") == Path(checkout / "cli" / "main.py")
    assert module_file("foundational.data") == Path(checkout / "foundational" / "data" / "__init__.py")


def test_the_digest_changes_with_any_file_and_with_nothing_else(package):
    files = imported_modules("foundational.part.a").values()
    before = digest_of(files)
    (package / "part/e.py").write_text("changed = 1\n")
    assert digest_of(files) == before
    (package / "part/c.py").write_text("changed = 1\n")
    assert digest_of(files) != before
