from pathlib import Path

import pytest

from foundational.errors import InputError, NotFoundError
from foundational.specs.about import read_about

TEXT = """\
title: Nickel, distilled
element: Ni
licence: CC-BY-4.0
creators:
  - name: Carberry, Josiah
    orcid: 0000-0002-1825-0097
    affiliation: Brown University
  - name: Doe, Jane
description: >-
  Configurations of nickel from liquid to solid.
caveats: [No surfaces.]
citations:
  - text: "Zhang et al., J. Chem. Phys. 145, 204505 (2016)"
    doi: 10.1063/1.4968212
    why: labels
"""


def write(folder: Path, text: str) -> Path:
    (folder / "about.yaml").write_text(text, encoding="utf-8")
    return folder


def test_what_is_written_is_read(tmp_path: Path):
    about = read_about(write(tmp_path, TEXT))
    assert about.creators[0].orcid == "0000-0002-1825-0097"
    assert about.creators[1].affiliation is None
    assert about.citations[0].doi == "10.1063/1.4968212"
    assert about.caveats == ("No surfaces.",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence:", "license:", r"license: unknown key, did you mean 'licence'.*licence: missing|licence: missing"),
        ("0097", "0098", "expected an ORCID iD that ends with 7"),
        ("element: Ni", "element: nickel", "element"),
        ("licence: CC-BY-4.0", "licence: free for all", "licence"),
        ("licence: CC-BY-4.0", "licence: 4", "licence"),
        ("title: Nickel, distilled", "title: ''", "title"),
        ("10.1063/1.4968212", "https://doi.org/10.1063/1.4968212", r"citations\.0\.doi"),
        ("why: labels", "", r"citations\.0\.why: missing"),
        ("title:", "title: !!python/object:os.system", "YAML"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(InputError, match=message):
        read_about(write(tmp_path, TEXT.replace(old, new, 1)))


def test_a_dataset_without_one_is_said(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"about\.yaml: no such file"):
        read_about(tmp_path)
