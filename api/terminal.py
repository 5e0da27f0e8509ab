"""What the command line shows: tables and JSON, with nothing in a name able to move the cursor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # rich is imported when something is shown: `--help` and `--json` do without
    from rich.console import Console
    from rich.table import Table

PIPE_WIDTH = 4096
# Line and paragraph separators, and the marks that turn the direction of writing: invisible, and they mislead.
_HIDDEN = frozenset("\u2028\u2029\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def visible(text: str, limit: int | None = None) -> str:
    """The text with every control character written out, cut to `limit` characters."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(_written_out(c) if _misleads(c) else c for c in text)


def _misleads(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or character in _HIDDEN


def _written_out(character: str) -> str:
    code = ord(character)
    named = {"\n": "⏎", "\t": " "}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def print_json(value: object) -> None:
    """One JSON value on one line, out at once: a program may be waiting for it."""
    print(json.dumps(value, allow_nan=False), flush=True)


def complain(message: str, details: Iterable[str] = ()) -> None:
    """One line on stderr, and below it what belongs to it, a line each."""
    lines = [f"hearsee: {visible(message)}", *(f"  {visible(line)}" for line in details)]
    print("\n".join(lines), file=sys.stderr, flush=True)


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width: so wide that nothing is cut which a person would grep for.
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> Table:
    """A quiet table; every cell is plain text, never markup. `right` numbers the columns to align to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=Text(visible(title)) if title else None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=any(columns),
    )
    to_the_right = frozenset(right)
    for number, name in enumerate(columns):
        made.add_column(Text(name), justify="right" if number in to_the_right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row))
    return made


def size(count: float) -> str:
    """Bytes as a person reads them."""
    if count < 0:
        return f"-{size(-count)}"
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
