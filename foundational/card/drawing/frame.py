"""The frame of every page: one HTML file that fetches nothing, is readable without JavaScript, and can be printed.

A policy in the page forbids every connection, and every script but the page's own: so text of a dataset that looks
like a script stays text, even where it were not escaped.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any, Final

_FOLDER: Final = "foundational.card.drawing"


@dataclass(frozen=True)
class Page:
    """The parts of a page, each but the title as HTML."""

    title: str
    heading: str
    first: str
    """What stands before the sections."""
    sections: Sequence[tuple[str, str, str]]
    """Key, title and content of each; those without content are not shown."""
    footer: str
    packed: Sequence[tuple[str, str]] = ()
    """Compressed data by key."""
    library: str | None = None
    """JavaScript that is among the packed data, and that may run."""
    script: str = "viewer.js"
    """The page's own script."""
    described: Mapping[str, Any] | None = None
    """The page as JSON-LD, for search engines."""


def draw_page(page: Page) -> str:
    """The page as HTML."""
    style, script = _asset("style.css"), _asset(page.script)
    allowed = [_digest(script)]
    if page.library is not None:
        # chemiscope's map compiles its own drawing code.
        allowed += [_digest(page.library), "'unsafe-eval'"]
    policy = (
        f"default-src 'none'; script-src {' '.join(allowed)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'"
    )
    sections = [section for section in page.sections if section[2]]
    contents = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title, _ in sections)
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(page.title)}</title>",
            f"<style>{style}</style>",
            *([_jsonld(page.described)] if page.described else ()),
            "</head><body>\n",
            f"<header>{page.heading}</header>\n<main>{page.first}",
            f'<nav aria-label="Sections"><ul>{contents}</ul></nav>\n' if contents else "",
            *(f'<section id="{key}"><h2>{escape(title)}</h2>{body}</section>\n' for key, title, body in sections),
            "</main>\n",
            f"<footer>{page.footer}</footer>\n",
            *(f'<script type="text/plain" id="{key}">{content}</script>\n' for key, content in page.packed),
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _jsonld(document: Mapping[str, Any]) -> str:
    """Data that no browser runs; a text in it cannot end the element."""
    text = json.dumps(document, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'


def _asset(name: str) -> str:
    return (files(_FOLDER) / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
