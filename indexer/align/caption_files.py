"""Captions out of files: one a line, or a table with one column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.rows import READERS, Row

MAX_BYTES = 2**28  # of a file of lines


def read_captions(paths: Sequence[Path], column: str | None = None, option: str = "--captions") -> list[str]:
    """Every caption of the files once, in order."""
    found: dict[str, None] = {}
    for path in paths:
        if not path.is_file():
            raise NotFound(f"{option} {path}: there is no such file")
        captions = _of_table(path, column, option) if path.suffix.lower() in READERS else _of_lines(path, option)
        if not captions:
            raise BadInput(f"{option} {path}: it holds no captions; write one a line, or a table with one column")
        found |= dict.fromkeys(captions)
    return list(found)


def _of_lines(path: Path, option: str) -> list[str]:
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{option} {path}: it has {path.stat().st_size:,} bytes, {MAX_BYTES:,} is the most")
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise BadInput(f"{option} {path}: it is not UTF-8; save it as such, one caption a line") from None
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            raise BadInput(
                f"{option} {path}: line {number} has {line.count(chr(9)) + 1} columns; "
                "one caption a line, or call the file .tsv and name the column with --column"
            )
    return [line for line in lines if line]


def _of_table(path: Path, column: str | None, option: str) -> list[str]:
    rows: list[Row] = []
    names: dict[str, None] = {}
    for row in READERS[path.suffix.lower()](path, Limits()):
        if isinstance(row, str):
            raise BadInput(f"{option} {path}: {row}; put captions with commas in quotes")
        rows.append(row)
        names |= dict.fromkeys(row)
    if column is None and len(names) > 1:
        raise BadInput(
            f"{option} {path}: it has {len(names)} columns ({', '.join(names)}); "
            "name the one with the captions: --column NAME"
        )
    if column is not None and column not in names:
        raise BadInput(f"{option} {path}: no column is called {column!r}; it has {', '.join(names) or 'none'}")
    chosen = column or next(iter(names), "")
    cells = [str(row[chosen]).strip() for row in rows if chosen in row and not isinstance(row[chosen], dict | list)]
    return [cell for cell in cells if cell]
