"""Ways in which a file goes wrong: by chance, by a careless editor, and by somebody who means harm.

Each takes bytes and a generator, and gives other bytes. All draws come from the generator, so a number repeats a case.
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any

#: Numbers on which readers stumble.
NUMBERS = (
    b"0", b"-0", b"-1", b"1", b"2", b"nan", b"NaN", b"inf", b"-inf", b"Infinity", b"1e400", b"-1e400", b"1e-400", b"1e308",
    b"0x10", b"1_000", b"1,5", b"1.5D+02", b"1.5-102", b"********", b"2147483648", b"4294967296", b"9223372036854775808",
    b"99999999999999999999999", b"1" + b"0" * 5000, b"\xc2\xb2", b"\xd9\xa1", b"", b"-", b"+", b".", b"1e", b"0.1.2", b"true", b"None",
)  # fmt: skip
#: Words that mean something to a parser, a terminal, a spreadsheet, a shell or a browser.
WORDS = (
    b"!!python/object/apply:os.system ['touch CANARY']", b"!!python/name:os.system", b"!!int foo", b"!!bool maybe", b"!!binary x",
    b"!!timestamp 2024-13-45", b"2024-13-45", b"&a [*a]", b"*b", b"<<: *a", b"\"\\U00110000\"", b"\"\\ud800\"", b"{", b"}", b"[", b"]",
    b"'", b"\"", b"`touch CANARY`", b"$(touch CANARY)", b"; touch CANARY", b"| touch CANARY", b"=cmd|'/c calc'!A1", b"@SUM(1)",
    b"<script>alert(1)</script>", b"\x1b]0;owned\x07", b"\x1b[2J", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b"\t",
    b"\xe2\x80\xae", b"../../../../etc/passwd", b"/etc/passwd", b"C:\\x", b"file:///etc/passwd", b"http://127.0.0.1:1/", b"%s%n", b"{0.__class__}",
    b"__import__('os').system('touch CANARY')", b"cos\nsystem\n(S'touch CANARY'\ntR.", b"_JSON {}", b"_JSON [[[[", b"Ni", b"Xx", b"X", b"Zz9",
)  # fmt: skip
#: What a value of JSON may be replaced by.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 118, 119, 255, 256, 2**31, 2**63, 2**64, 10**30, -(10**30), 0.5, 1e308, -1e308, 1e-320, "", "x", "nan", "0",
    "²", "\x1b[2J", "../x", "=1+1", "<script>", "a" * 3000, [], [[]], {}, {"": None}, [None], [1, "a"], {"a": {"a": {}}},
    [0] * 500, "0" * 64, "2024-13-45", "ase:os:system", "float32", "|O", "complex128", "object", "<M8[ns]", "int64", "U10",
)  # fmt: skip
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eEdD][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")

Mutation = Callable[[bytes, random.Random], bytes]


def flip(data: bytes, rng: random.Random) -> bytes:
    """A few bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, rng: random.Random) -> bytes:
    """Some bytes in a row: zeros, ones, chance, or a number as a binary format has it."""
    if not data:
        return data
    start = rng.randrange(len(data))
    kinds = (
        b"\x00" * 8,
        b"\xff" * 8,
        rng.randbytes(8),
        (2**31 - 1).to_bytes(4, "little"),
        (2**63).to_bytes(8, "little"),
    )
    piece = rng.choice(kinds)[: rng.choice((1, 2, 4, 8))]
    return data[:start] + piece + data[start + len(piece) :]


def cut(data: bytes, rng: random.Random) -> bytes:
    """The beginning alone."""
    return data[: rng.randrange(len(data) + 1)]


def remove(data: bytes, rng: random.Random) -> bytes:
    """All but a piece."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 1, 2, 10, 100, 1000)) :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    """A piece twice, or very often."""
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice((1, 3, 20, 200))]
    return data[:start] + piece * rng.choice((2, 2, 3, 300)) + data[start:]


def move(data: bytes, rng: random.Random) -> bytes:
    """Two pieces exchanged."""
    a, b = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    size = min(rng.choice((1, 4, 40)), b - a)
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def insert_word(data: bytes, rng: random.Random) -> bytes:
    """Something that means something, anywhere."""
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.choice(WORDS + NUMBERS) + data[start:]


def other_number(data: bytes, rng: random.Random) -> bytes:
    """A number replaced."""
    return _replaced(_NUMBER, data, rng, NUMBERS)


def other_word(data: bytes, rng: random.Random) -> bytes:
    """A word replaced by another one of the file, or by one that means something."""
    found = [match[0] for match in _WORD.finditer(data)]
    choices = (rng.choice(found), rng.choice(found), *rng.sample(WORDS, 2)) if found else WORDS
    return _replaced(_WORD, data, rng, choices)


def other_line(data: bytes, rng: random.Random) -> bytes:
    """A line removed, repeated or moved, or all line ends changed."""
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(i, lines[j])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 3:
        lines[i] = lines[i][: rng.randrange(len(lines[i]) + 1)]
    elif kind == 4:
        lines[i] = b" " * rng.choice((1, 4)) + lines[i]
    else:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r")))
    return b"\n".join(lines)


def nest(data: bytes, rng: random.Random) -> bytes:
    """Brackets within brackets, or names for names."""
    start = rng.randrange(len(data) + 1)
    depth = rng.choice((40, 3000, 100_000))
    piece = rng.choice((b"[", b"{", b"- ", b'{"a":', b"(", b"{a: [", b"? "))
    if rng.random() < 0.2:
        levels = [b"&x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
        levels += [b"&x%d [" % k + b",".join([b"*x%d" % (k - 1)] * 9) + b"]" for k in range(1, rng.choice((3, 9)))]
        return data[:start] + b"\n".join(b"k%d: " % k + level for k, level in enumerate(levels)) + b"\n" + data[start:]
    return data[:start] + piece * (depth if len(piece) * depth < 400_000 else 3000) + data[start:]


def other_json(data: bytes, rng: random.Random) -> bytes:
    """One value, key or branch of a JSON document replaced; anything else is flipped."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return flip(data, rng)
    return json.dumps(changed_tree(document, rng)).encode()


def changed_tree(document: Any, rng: random.Random) -> Any:
    """A document with one or a few of its nodes replaced, removed, renamed, doubled or wrapped."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holders = [node for node in _nodes(document) if isinstance(node, dict | list) and node]
        if not holders:
            return rng.choice(VALUES)
        holder = rng.choice(holders)
        key: Any = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        kind = rng.randrange(8)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [holder[key]] * rng.choice((0, 1, 3))
        elif kind == 2 and isinstance(holder, dict):
            holder[rng.choice(("", "x", "__class__", "schema_version", str(key) + " ", str(key).upper()))] = holder.pop(
                key
            )
        elif kind == 3:
            others = [node for node in _nodes(document) if not isinstance(node, dict | list)]
            holder[key] = rng.choice(others) if others else None
        else:
            holder[key] = json.loads(json.dumps(rng.choice(VALUES)))
    return document


def _nodes(document: Any) -> list[Any]:
    found, waiting = [], [document]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    return found


def _replaced(pattern: re.Pattern[bytes], data: bytes, rng: random.Random, choices: tuple[bytes, ...]) -> bytes:
    places = [match.span() for match in pattern.finditer(data)]
    if not places:
        return flip(data, rng)
    start, stop = rng.choice(places)
    return data[:start] + rng.choice(choices) + data[stop:]


BINARY: tuple[Mutation, ...] = (flip, flip, flip, overwrite, overwrite, cut, remove, repeat, move, insert_word)
TEXT: tuple[Mutation, ...] = (
    other_number, other_number, other_number, other_word, other_word, other_line, other_line, insert_word, flip, cut, remove, repeat, move, nest,
)  # fmt: skip
JSON: tuple[Mutation, ...] = (other_json, other_json, other_json, other_json, *TEXT)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Bytes after one mutation, sometimes two or three, that fits what they look like."""
    head = data[:200].lstrip()
    if b"\x00" in data[:2000] or not _is_text(data[:2000]):
        kinds = BINARY
    elif head[:1] in {b"{", b"["}:
        kinds = JSON
    else:
        kinds = TEXT
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
        data = rng.choice(kinds)(data, rng)
    return data


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4
    return True
