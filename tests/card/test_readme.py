"""The README of a repository at a hub: the facts of the card, and nothing of what is not known."""

from ruamel.yaml import YAML

from foundational.card.readme import hub_readme
from foundational.card.sources import Card

PULL = "foundational pull ni@1.0.0 --from hf://owner/ni"


def test_what_is_known_is_stated_and_what_is_not_is_said(pool_card: Card) -> None:
    unknown = pool_card.record.model_copy(update={"bibtex": None})
    plain = hub_readme(unknown, {"train": "data/train.parquet"}, PULL)
    _, head, body = plain.split("---\n", 2)
    front = YAML(typ="safe").load(head)
    assert (front["license"], front["size_categories"], "doi" in front) == ("unknown", ["n<1K"], False)
    assert front["configs"][0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    for said in ("| DOI | none |", "| licence | not stated |", "\nNone are stated.\n", f"\n\n    {PULL}\n"):
        assert said in body
    assert "## Citation" not in body
    assert "| validation |" not in body
    known = {"doi": "10.1/x", "description": "Cells_of_nickel.", "limits": ("No *surfaces*.",), "bibtex": "@misc{a}"}
    full = hub_readme(pool_card.record.model_copy(update=known), {}, PULL)
    assert YAML(typ="safe").load(full.split("---\n", 2)[1])["doi"] == "10.1/x"
    for said in ("Cells\\_of\\_nickel.", "- No \\*surfaces\\*.", "```bibtex\n@misc{a}\n```"):
        assert said in full
    assert "None are stated." not in full
