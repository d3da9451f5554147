"""The difference of two files, as git writes it and as git and patch read it back."""

import base64
import difflib
import hashlib
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_CONTEXT: Final = 3
_DIFFLIB_WORK: Final = 250_000
_LITERAL_LINE: Final = 52
_ESCAPES: Final = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files.

    Attributes:
        content: The bytes of it.
        executable: Whether it can be run.
    """

    content: bytes
    executable: bool

    @property
    def mode(self) -> str:
        """Its mode, as git knows modes."""
        return "100755" if self.executable else "100644"


def file_diff(path: str, old: Side | None, new: Side | None, *, binary: bool) -> Iterator[str]:
    """The lines that tell how one file becomes another, or nothing for equal ones.

    `git apply` and `patch -p1` understand them. The format is in git-diff(1), "generating
    patch text with -p".

    Args:
        path: Its path, in both trees.
        old: The file before; None if it is new.
        new: The file after; None if it is removed.
        binary: Write out the bytes of a file that is not text, as `git diff --binary`. Only
            `git apply` can read that. Else a line only tells that it differs.

    Yields:
        Lines with their end. A line of the file is not changed in any way.
    """
    if old == new:
        return
    before, after = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    # GNU patch cannot tell where a name with a blank ends, and an empty file has no line
    # but this one. Git does not write these quotes, but both read them.
    yield "diff --git {} {}\n".format(
        *(f'"{name}"' if " " in name and name[0] != '"' else name for name in (before, after))
    )
    yield from _modes(old, new)
    a = b"" if old is None else old.content
    b = b"" if new is None else new.content
    if a == b and a:
        return
    text_a, text_b = _text(a), _text(b)
    if text_a is None or text_b is None:
        if binary:
            yield f"index {_blob(old)}..{_blob(new)}\n"
            yield "GIT binary patch\n"
            yield from _literal(b)
            yield from _literal(a)
        else:
            yield f"Binary files {_name(old, before)} and {_name(new, after)} differ\n"
        return
    if a == b:
        # An empty file comes or goes. That takes this line, and no others.
        yield f"index {_blob(old)}..{_blob(new)}\n"
        return
    yield f"--- {_header(old, before)}\n"
    yield f"+++ {_header(new, after)}\n"
    yield from _hunks(_split(text_a), _split(text_b))


def _modes(old: Side | None, new: Side | None) -> Iterator[str]:
    if old is None and new is not None:
        yield f"new file mode {new.mode}\n"
    elif old is not None and new is None:
        yield f"deleted file mode {old.mode}\n"
    elif old is not None and new is not None and old.mode != new.mode:
        yield f"old mode {old.mode}\n"
        yield f"new mode {new.mode}\n"


def _name(side: Side | None, quoted: str) -> str:
    return "/dev/null" if side is None else quoted


def _header(side: Side | None, quoted: str) -> str:
    # The tab keeps patch from taking what follows a blank for a time stamp.
    return _name(side, quoted) + ("\t" if side is not None and " " in quoted else "")


def _quoted(path: str) -> str:
    """A path as git writes it: in C's quotes if any byte of it needs them."""
    escaped = "".join(_escaped(byte) for byte in path.encode())
    return path if escaped == path else f'"{escaped}"'


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return "\\" + _ESCAPES[byte]
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"  # noqa: PLR2004 -- printable ASCII


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _split(text: str) -> list[str]:
    """Splits at line feeds only; `splitlines` knows eight more ends of a line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _blob(side: Side | None) -> str:
    if side is None:
        return "0" * 40
    head = b"blob %d\0" % len(side.content)
    return hashlib.sha1(head + side.content, usedforsecurity=False).hexdigest()


def _literal(content: bytes) -> Iterator[str]:
    """A file in git's "literal" form: deflated, and each 52 bytes a line in base 85.

    The level is 0, because implementations of zlib deflate differently at all others.
    """
    yield f"literal {len(content)}\n"
    deflated = zlib.compress(content, 0)
    for start in range(0, len(deflated), _LITERAL_LINE):
        part = deflated[start : start + _LITERAL_LINE]
        length = chr(ord("A") + len(part) - 1 if len(part) <= 26 else ord("a") + len(part) - 27)  # noqa: PLR2004 -- A-Z are 1 to 26 bytes, a-z the next 26
        yield f"{length}{base64.b85encode(part, pad=True).decode()}\n"
    yield "\n"


# --- Which lines stay


_Block = tuple[int, int, int]
"""Equal lines: where they start in both files, and how many they are."""


def _blocks(a: Sequence[str], b: Sequence[str]) -> list[_Block]:
    """Finds lines that both files have, in order.

    `difflib` takes the square of the number of lines where every other line changed. That
    is how a manifest of 60,000 files looks after a change to a template. So the file is
    first cut at lines that are in it once and in the other once ("patience diff"), which
    takes n log n, and only short pieces in between are left to `difflib`.
    """
    found: list[_Block] = []
    pieces = [(0, len(a), 0, len(b))]
    while pieces:
        a_low, a_high, b_low, b_high = pieces.pop()
        start = a_low
        while a_low < a_high and b_low < b_high and a[a_low] == b[b_low]:
            a_low, b_low = a_low + 1, b_low + 1
        if a_low > start:
            found.append((start, b_low - (a_low - start), a_low - start))
        end = a_high
        while a_low < a_high and b_low < b_high and a[a_high - 1] == b[b_high - 1]:
            a_high, b_high = a_high - 1, b_high - 1
        if a_high < end:
            found.append((a_high, b_high, end - a_high))
        if a_low == a_high or b_low == b_high:
            continue
        anchors = _anchors(a, b, (a_low, a_high, b_low, b_high))
        if anchors:
            cuts = [(a_low, b_low), *anchors, (a_high, b_high)]
            pieces += [(x, next_x, y, next_y) for (x, y), (next_x, next_y) in pairwise(cuts)]
        elif (a_high - a_low) * (b_high - b_low) <= _DIFFLIB_WORK:
            matcher = difflib.SequenceMatcher(
                None, a[a_low:a_high], b[b_low:b_high], autojunk=False
            )
            found += [
                (a_low + x, b_low + y, size) for x, y, size in matcher.get_matching_blocks() if size
            ]
    return sorted(found)


def _anchors(
    a: Sequence[str], b: Sequence[str], piece: tuple[int, int, int, int]
) -> list[tuple[int, int]]:
    """The most lines, each once in either piece, that come in the same order in both."""
    a_low, a_high, b_low, b_high = piece
    counts_a, counts_b = Counter(a[a_low:a_high]), Counter(b[b_low:b_high])
    places = {line: y for y, line in enumerate(b[b_low:b_high], b_low) if counts_b[line] == 1}
    pairs = [
        (x, places[line])
        for x, line in enumerate(a[a_low:a_high], a_low)
        if counts_a[line] == 1 and line in places
    ]
    # The longest increasing run of the second number: patience sorting.
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for index, (_, y) in enumerate(pairs):
        pile = bisect_left(tops, y)
        before.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(y)
            piles.append(index)
        else:
            tops[pile] = y
            piles[pile] = index
    run: list[tuple[int, int]] = []
    index = piles[-1] if piles else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]


# --- From lines to hunks


_Change = tuple[int, int, int, int]
"""Lines of the old file, from and to, that become lines of the new one, from and to."""


def _changes(a: Sequence[str], b: Sequence[str]) -> list[_Change]:
    changes: list[_Change] = []
    x = y = 0
    for start_a, start_b, size in [*_blocks(a, b), (len(a), len(b), 0)]:
        if x < start_a or y < start_b:
            changes.append((x, start_a, y, start_b))
        x, y = start_a + size, start_b + size
    return changes


def _hunks(a: Sequence[str], b: Sequence[str]) -> Iterator[str]:
    group: list[_Change] = []
    for change in _changes(a, b):
        if group and change[0] - group[-1][1] > 2 * _CONTEXT:
            yield from _hunk(a, b, group)
            group = []
        group.append(change)
    if group:
        yield from _hunk(a, b, group)


def _hunk(a: Sequence[str], b: Sequence[str], group: Sequence[_Change]) -> Iterator[str]:
    lead = min(_CONTEXT, group[0][0])
    tail = min(_CONTEXT, len(a) - group[-1][1])
    a_range = _range(group[0][0] - lead, group[-1][1] + tail)
    b_range = _range(group[0][2] - lead, group[-1][3] + tail)
    yield f"@@ -{a_range} +{b_range} @@\n"
    at = group[0][0] - lead
    for a_low, a_high, b_low, b_high in group:
        yield from _marked(" ", a[at:a_low])
        yield from _marked("-", a[a_low:a_high])
        yield from _marked("+", b[b_low:b_high])
        at = a_high
    yield from _marked(" ", a[at : at + tail])


def _range(low: int, high: int) -> str:
    # An empty range names the line before it.
    length = high - low
    start = low + 1 if length else low
    return str(start) if length == 1 else f"{start},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line
        if not line.endswith("\n"):
            yield "\n\\ No newline at end of file\n"
