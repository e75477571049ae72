"""What commands print for scripts is JSON, whatever the numbers are."""

import json
import subprocess
import sys
from math import inf, nan
from pathlib import Path

import pytest

from foundational.cli.output import emit, say


def test_json_has_null_for_a_number_that_is_not_finite(capsys):
    emit({"a": nan, "b": [inf, {"c": -inf}], "d": (1.5, None)}, True, list)
    printed = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert printed == {"a": None, "b": [None, {"c": None}], "d": [1.5, None]}


def test_lines_are_made_only_for_people(capsys):
    emit({"a": 1}, True, lambda: pytest.fail("not asked for"))
    emit({"a": 1}, False, lambda: ["a is 1"])
    assert capsys.readouterr().out == '{\n  "a": 1\n}\na is 1\n'


PRINTS = """
import os, subprocess
from foundational.cli.output import emit, stdout_for_the_result
with stdout_for_the_result():
    print("a calculator")
    os.write(1, b"a library in C\\n")
    subprocess.run(["echo", "a process"], check=True)
    emit({"energy": "Å"}, True, list)
    print("its end")
print("afterwards")
"""


def test_what_others_print_goes_to_stderr_and_leaves_the_json_alone():
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True)
    document, _, rest = done.stdout.rpartition("}\n")
    assert json.loads(document + "}") == {"energy": "Å"}
    assert rest == "afterwards\n"
    assert all(words in done.stderr for words in ("a calculator", "a library in C", "a process", "its end"))


def test_a_path_is_printed_like_a_text_and_commands_a_terminal_no_more_than_one(capsys):
    say(Path("docs/figures/overview.svg"))
    say("nickel\x1b[2J")
    assert capsys.readouterr().out == "docs/figures/overview.svg\nnickel\\x1b[2J\n"
