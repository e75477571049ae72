"""No text that a user can see has a word of the list below: docs/glossary.md has the field's own terms.

Scanned are strings and docstrings of the code, comments of params.yaml and dvc.yaml, pages, schemas, descriptions of
datasets and texts in figures. History is not rewritten: docs/decisions and released sections of CHANGELOG.md may keep
the words of their day.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What may not be written (a regular expression, case ignored): what to write.
FORBIDDEN = {
    r"turned (in)?to (?!a\b)": "transformed to; transformed copies",
    r"(is|are|crystals|them) turned": "transformed",
    r"(every|each|worst|best|all|\d+) seeds?\b(?! of (the )?selection)": "network, member",
    r"(over|of|between) (the |all |three |five )?seeds\b(?! (of the|of) selection)": "over networks, over members",
    r"\bjudg(e|es|ed|ing|ements?|ments?)\b": "evaluate, compare, test",
    r"\b(un)?sound(ness)?\b": "valid, invalid; passed validation",
    r"knows? (the )?least": "are most uncertain about",
    r"\b(un)?told\b": "distinguished, reported, said",
    r"\banew\b": "again; relabelled",
    r"\bbesides\b": "also, in addition",
    r"\bmend(s|ed|ing)?\b": "fix, correct, remove",
    r"\ball the same\b": "anyway",
    r"\b(left|leaves?|leaving) out\b": "excluded, omitted",
    r"\baskew\b": "misoriented",
    r"\bto and fro\b": "repeatedly",
    r"\bsuch of which\b": "whose",
    r"\bof one's own\b": "your own",
    r"\b(at most|of) so many\b": "N",
    r"^so many\b": "N",
    r"\b(go|goes|going|went) on\b": "continue, resume",
    r"\b(ours|theirs|thereof|whereof|wherein|hitherto)\b": "name the thing",
    r"\bconfigurations that matter\b": "a small training set",
    r"\bthat teach(es)?\b": "that improve a network",
    r"\bno number to\b": "not tested",
    r"\bsurroundings\b": "local environment",
    r"\bthe second horn\b": "second peak",
    r"\boff a pool\b": "from a pool",
    r"\bis given up\b": "the run stops",
    r"\b(wants|want) (to )?be(ing)?\b": "must be",
    r"\bdear(er)?\b": "expensive",
}
_WORDS = {re.compile(word, re.IGNORECASE | re.MULTILINE): instead for word, instead in FORBIDDEN.items()}

#: Parts that are still to be rewritten.
PENDING: tuple[str, ...] = ()


def _python(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # The name of a seed decides numbers that are stored: it stays.
    names = {
        id(part)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "derive"
        for part in ast.walk(call)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in names:
            yield node.lineno, node.value


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    """What follows # in a YAML file, and the values of ``desc`` and ``title``."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if found := re.search(r"(?:(?:^|\s)#|\b(?:desc|title):)(.*)", line):
            yield number, found[1]


def _page(path: Path) -> Iterator[tuple[int, str]]:
    """A page without its code in backticks; of the change log only what is unreleased."""
    text = path.read_text(encoding="utf-8")
    if path.name == "CHANGELOG.md":
        text = "## ".join(text.split("## ")[:2])
    text = re.sub(r"`[^`\n]+`", "`…`", text)
    # A phrase may be broken over lines of a paragraph.
    number = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        if paragraph.strip():
            yield number, re.sub(r"\s*\n\s*", " ", paragraph) if "|" not in paragraph else paragraph
        number += paragraph.count("\n")


def _whole(path: Path) -> Iterator[tuple[int, str]]:
    yield 1, path.read_text(encoding="utf-8")


def _figure(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of an SVG: of matplotlib's comments and of text elements."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"<!--(.*?)-->|<text[^>]*>(.*?)</text>", text, re.DOTALL):
        yield text.count("\n", 0, found.start()) + 1, found[1] or found[2]


def texts() -> Iterator[tuple[str, int, str]]:
    """Every text that a user can see: path, line and words."""
    kinds = (
        (_python, ("foundational/**/*.py", "cli/**/*.py", "benchmarks/**/*.py", "docs/*.py")),
        (_comments, ("params.yaml", "dvc.yaml")),
        (
            _page,
            ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md", "docs/howto/*.md", "docs/explanation/*.md"),
        ),
        (_whole, ("examples/*.ipynb",)),
        (_whole, ("schemas/*.json", "datasets/*/about.yaml", "datasets/potentials/*.yaml")),
        (_figure, ("docs/figures/*.svg",)),
    )
    for read, patterns in kinds:
        for path in sorted(p for pattern in patterns for p in ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            for line, text in read(path):
                yield name, line, text


def violations(of: tuple[str, str, int, str] | None = None) -> list[str]:
    found = []
    for name, line, text in [of[1:]] if of else texts():
        for word, instead in _WORDS.items():
            for hit in word.finditer(text):
                around = " ".join(text[max(0, hit.start() - 30) : hit.end() + 30].split())
                found.append(f"{name}:{line + text.count(chr(10), 0, hit.start())}: “{around}”; say: {instead}")
    return found


def test_no_text_has_a_word_that_only_this_project_used() -> None:
    found = [hit for hit in violations() if not hit.startswith(PENDING)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "94 turned into BCC",
        "every seed orders the crystals",
        "networks that know least of it",
        "mend it, or use it all the same",
        "there is no number to judge by",
        "the bundle is unsound",
        "labelled anew",
        "one more than is left out",
    ],
)
def test_the_list_finds_the_words_it_was_made_for(text: str) -> None:
    assert violations(("", "here", 1, text))


@pytest.mark.parametrize(
    "text", ["transformed_to", "a seed is an argument", "two seeds of the selection", "besidesless"]
)
def test_the_list_lets_other_words_pass(text: str) -> None:
    assert not violations(("", "here", 1, text))
