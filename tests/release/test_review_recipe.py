"""The recipes of docs/review.md compare every changed dataset with the target branch, and write what a comment says."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def recipes(page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """GitHub's and GitLab's, read as YAML."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    github, gitlab = (YAML(typ="safe").load(text) for text in blocks)
    return github, gitlab


def loop_of(script: str) -> list[str]:
    """Lines of the loop over datasets, without their indentation."""
    lines = [line.strip() for line in script.splitlines()]
    return lines[lines.index("for folder in datasets/*/provenance.json; do") : lines.index("done") + 1]


def test_the_recipes_compare_what_a_branch_changes(two: Any, checkout: Path) -> None:
    github, gitlab = recipes((checkout / "docs" / "review.md").read_text(encoding="utf-8"))
    steps = {step.get("name"): step for step in github["jobs"]["diff"]["steps"]}
    script = steps["Compare"]["run"]
    assert loop_of("\n".join(gitlab["data review"]["script"])) == loop_of(script)
    log = ["git", "log", "--format=%H", "--", "datasets/ni/provenance.json"]
    commits = subprocess.run(log, cwd=two.root, check=True, capture_output=True, text=True).stdout.split()
    done = subprocess.run(
        ["bash", "-e", "-c", script.replace(" --physics", "")],
        cwd=two.root,
        env=os.environ | {"BASE": commits[1], "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    comment = (two.root / "pages" / "summary.md").read_text(encoding="utf-8")
    assert comment.startswith("### ni\n```\n")
    assert "10 → 12 configurations" in comment
    assert "bump: minor" in comment
    assert {path.name for path in (two.root / "pages").iterdir()} == {"ni.html", "ni.json", "summary.md"}
    assert "pages/summary.md" in steps["Comment"]["run"]
