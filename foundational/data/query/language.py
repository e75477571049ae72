"""The language of ``--where``: comparisons of columns with numbers, units and words, joined by and, or, not.

::

    condition   = alternative {"or" alternative}
    alternative = part {"and" part}
    part        = "not" part | "(" condition ")" | comparison
    comparison  = column ("=" | "!=" | "<" | "<=" | ">" | ">=") value
                | number [unit] ("<" | "<=") column ("<" | "<=") number [unit]
                | column ["not"] "in" "(" value {"," value} ")"
                | column "is" ["not"] "known"
                | "elements" ("has" | "only" | "are") symbol {"," symbol}
    value       = number [unit] | word | 'text in quotes'

A comparison with what is not known is false, and so is its negation. Nothing of it is run as code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from foundational.data.query.columns import COLUMNS, UNITS, QueryColumn
from foundational.elements import NUMBERS
from foundational.errors import InputError, did_you_mean

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])"
    r"|(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<operator><=|>=|!=|==|<|>|=)|(?P<mark>[(),])"
    r"|(?P<word>[^\W\d][\w./^Å³:+-]*|[\da-f]{1,32}(?!\w)))"
)
_KEYWORDS: Final = {"and", "or", "not", "in", "is", "has", "only", "are", "known"}
_LONGEST: Final = 2_000
_DEEPEST: Final = 50


@dataclass(frozen=True)
class Comparison:
    """A column against one or several values; numbers are in the column's unit."""

    column: str
    operator: Operator
    values: tuple[float | str, ...]
    """One; several with ``=``, of which one must be equal."""


@dataclass(frozen=True)
class IsKnown:
    """Whether a column has a value."""

    column: str


@dataclass(frozen=True)
class Elements:
    """``has``: all of the elements are there; ``only``: no other one; ``are``: both."""

    relation: Literal["has", "only", "are"]
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    part: "Condition"


@dataclass(frozen=True)
class Joined:
    """All or any of several conditions."""

    word: Literal["and", "or"]
    parts: "tuple[Condition, ...]"


Condition = Comparison | IsKnown | Elements | Not | Joined


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def parse_condition(text: str, fields: dict[str, QueryColumn] | None = None) -> Condition:
    """The condition that ``text`` states.

    Parameters
    ----------
    fields
        Columns of the dataset at hand in addition to `COLUMNS`.

    Raises
    ------
    InputError
        It is not of the language; the message names the place and what was expected there.

    >>> parse_condition("pressure > 50 kbar")
    Comparison(column='pressure', operator='>', values=(5.0,))
    """
    if len(text) > _LONGEST:
        raise InputError(f"--where: expected at most {_LONGEST} characters, got {len(text)}")
    reader = _Reader(text, COLUMNS | (fields or {}))
    condition = reader.condition(0)
    reader.end()
    return condition


def columns_of(condition: Condition) -> Iterator[str]:
    """Names of the columns that a condition reads; ``elements`` for the numbers of atoms of each element."""
    match condition:
        case Joined(parts=parts):
            for part in parts:
                yield from columns_of(part)
        case Not(part=part):
            yield from columns_of(part)
        case Elements():
            yield "elements"
        case _:
            yield condition.column


class _Reader:
    """The tokens of a text, taken one after another."""

    def __init__(self, text: str, columns: dict[str, QueryColumn]) -> None:
        self.text, self.columns, self.at = text, columns, 0
        self.tokens = list(self._split(text))

    def _split(self, text: str) -> Iterator[_Token]:
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise self.error("a name, a number or a comparison", text[place:].strip()[:20], place)
            yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
            place = found.end()

    def error(self, expected: str, came: str, place: int) -> InputError:
        """What was expected at a place, and what came."""
        shown = f"{came!r} at character {place + 1}" if came else "the end"
        return InputError(f"--where {self.text!r}: expected {expected}, got {shown}")

    def peek(self) -> _Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _Token("end", "", len(self.text))

    def take(self, *texts: str) -> _Token | None:
        """The next token, where it is one of ``texts``, however it is written."""
        token = self.peek()
        if token.kind in {"word", "mark", "operator"} and token.text.lower() in texts:
            self.at += 1
            return token
        return None

    def need(self, *texts: str) -> _Token:
        token = self.take(*texts)
        if token is None:
            raise self.error(" or ".join(texts), self.peek().text, self.peek().place)
        return token

    def end(self) -> None:
        if self.peek().kind != "end":
            raise self.error("and, or, or the end", self.peek().text, self.peek().place)

    def condition(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise InputError(f"--where: expected at most {_DEEPEST} parentheses inside each other")
        parts = [self.alternative(depth)]
        while self.take("or"):
            parts.append(self.alternative(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def alternative(self, depth: int) -> Condition:
        parts = [self.part(depth)]
        while self.take("and"):
            parts.append(self.part(depth))
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def part(self, depth: int) -> Condition:
        if self.take("not"):
            return Not(self.part(depth + 1)) if depth < _DEEPEST else self.condition(depth + 1)
        if self.take("("):
            inner = self.condition(depth + 1)
            self.need(")")
            return inner
        if self.peek().kind == "number":
            return self.between()
        if self.take("elements"):
            relation = self.need("has", "only", "are").text.lower()
            return Elements(relation, self.symbols())  # type: ignore[arg-type]
        return self.comparison()

    def column(self) -> QueryColumn:
        token = self.peek()
        if token.kind not in {"word", "quoted"} or token.text.lower() in _KEYWORDS:
            raise self.error("the name of a column", token.text, token.place)
        name = token.text.strip("'\"") if token.kind == "quoted" else token.text
        if name not in self.columns:
            name = name.lower().replace("-", "_")
        if name not in self.columns:
            hint = did_you_mean(token.text, [*self.columns, "elements"])
            raise InputError(f"--where {self.text!r}: expected the name of a column, got {token.text!r}; {hint}")
        self.at += 1
        return self.columns[name]

    def comparison(self) -> Condition:
        column = self.column()
        if self.take("is"):
            negated = self.take("not") is not None
            self.need("known")
            return Not(IsKnown(column.name)) if negated else IsKnown(column.name)
        if (negated := self.take("not") is not None) or self.peek().text.lower() == "in":
            self.need("in")
            self.need("(")
            values = [self.value(column)]
            while self.take(","):
                values.append(self.value(column))
            self.need(")")
            found = Comparison(column.name, "=", tuple(values))
            return Not(found) if negated else found
        operator = self.need("=", "==", "!=", "<", "<=", ">", ">=").text.replace("==", "=")
        if column.kind != "number" and operator not in {"=", "!="}:
            raise self.error(f"= or != for {column.name}, which is a text", operator, self.peek().place)
        return Comparison(column.name, operator, (self.value(column),))  # type: ignore[arg-type]

    def between(self) -> Condition:
        start = self.at
        self.at += 1
        while self.peek().kind == "word" and self.peek().text not in self.columns:
            self.at += 1
        first = self.need("<", "<=", ">", ">=").text
        column = self.column()
        after, self.at = self.at, start
        low = self.value(column)
        self.at = after
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[first]
        parts: list[Condition] = [Comparison(column.name, turned, (low,))]  # type: ignore[arg-type]
        if self.peek().kind == "operator":
            second = self.need(*(("<", "<=") if first in {"<", "<="} else (">", ">="))).text
            parts.append(Comparison(column.name, second, (self.value(column),)))  # type: ignore[arg-type]
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def value(self, column: QueryColumn) -> float | str:
        token = self.peek()
        if column.kind != "number":
            if token.kind not in {"word", "quoted", "number"} or token.text.lower() in {"and", "or", "not"}:
                raise self.error(f"a word or a text in quotes for {column.name}", token.text, token.place)
            self.at += 1
            return token.text[1:-1] if token.kind == "quoted" else token.text
        if token.kind != "number":
            raise self.error(f"a number for {column.name}", token.text, token.place)
        self.at += 1
        unit = self.peek()
        if unit.kind != "word" or unit.text.lower() in _KEYWORDS or unit.text in self.columns:
            return float(token.text)
        self.at += 1
        known = UNITS.get(column.unit, {column.unit: 1.0})
        if unit.text not in known:
            expected = f"one of {', '.join(known)}" if known else "no unit"
            raise self.error(f"{expected} for {column.name}", unit.text, unit.place)
        return float(token.text) * known[unit.text]

    def symbols(self) -> tuple[str, ...]:
        found = []
        while True:
            token = self.peek()
            if token.kind != "word" or token.text not in NUMBERS:
                raise self.error("the symbol of an element", token.text, token.place)
            self.at += 1
            found.append(token.text)
            if not self.take(","):
                return tuple(found)
