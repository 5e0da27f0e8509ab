"""Rows of CSV, JSON lines and Parquet as dictionaries of JSON values; a row that cannot be read is a reason."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from hearsee.core.errors import BadInput
from hearsee.core.media.limits import Limits

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = Iterator[Row | str]  # a str is the reason why this row cannot be read

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d{1,3})?")  # 007 is a name, not a number
_PARQUET_ROWS = 256  # decoded at once
_PARQUET_BYTES = 64 * 2**20  # that they may take


def csv_rows(path: Path, limits: Limits) -> Rows:
    """Cells that look like numbers or true and false become them; empty cells are left out."""
    return _csv(path, ",", limits)


def tsv_rows(path: Path, limits: Limits) -> Rows:
    return _csv(path, "\t", limits)


def _csv(path: Path, delimiter: str, limits: Limits) -> Rows:
    csv.field_size_limit(max(csv.field_size_limit(), 2 * limits.max_text_bytes))  # a global of the csv module
    # surrogateescape: a path that is not UTF-8 still leads to its file
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(_lines(file.readline, "\n", _longest_line(limits)), delimiter=delimiter)
        names: list[str] | None = None
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                yield f"line {reader.line_num} cannot be read: {error}"
                continue
            if not cells:
                continue
            if names is None:
                names = [name.strip() for name in cells]
            elif len(cells) > len(names):
                yield f"line {reader.line_num} has {len(cells)} cells, but there are {len(names)} columns"
            else:
                yield {name: _typed(cell) for name, cell in zip(names, cells, strict=False) if cell != ""}


def jsonl_rows(path: Path, limits: Limits) -> Rows:
    with path.open("rb") as file:
        lines = _lines(file.readline, b"\n", _longest_line(limits))
        number = 0
        while True:
            number += 1
            try:
                line = next(lines, None)
                if line is None:
                    return
                if not line.strip():
                    continue
                row = json.loads(line, parse_constant=lambda _: None)
            except (ValueError, RecursionError) as error:
                yield f"line {number} cannot be read: {str(error) or type(error).__name__}"
                continue
            yield row if isinstance(row, dict) else f"line {number} is not an object"


def parquet_rows(path: Path, limits: Limits) -> Rows:
    """Rows decoded a few at a time: in a few kilobytes one long text may stand in a million rows."""
    import pyarrow  # heavy, and only needed for this format
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            words = [field.name for field in file.schema_arrow if _is_words(field.type)]
            at_once = _rows_at_once(file, set(words), limits)
        # What is read as numbers of a dictionary is not written out once for each row.
        with pyarrow.parquet.ParquetFile(path, read_dictionary=words) as file:
            for batch in file.iter_batches(at_once):
                for row in _rows_of(batch):
                    yield {name: value for name, cell in row.items() if (value := _plain(cell)) is not None}
    except MemoryError:
        raise BadInput(
            f"{path}: the Parquet table needs more memory than there is: write it in smaller parts"
        ) from None
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        raise BadInput(f"{path}: the Parquet table cannot be read: {str(error).splitlines()[0]}") from None


def _is_words(kind: Any) -> bool:
    import pyarrow.types

    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_binary(kind))


def _rows_at_once(file: Any, words: set[str], limits: Limits) -> int:
    """As many rows as fit, should each hold all that lies in the dictionaries of the columns inside others."""
    worst = 1
    for number in range(file.metadata.num_row_groups):
        group, inside = file.metadata.row_group(number), 0
        for place in range(group.num_columns):
            column = group.column(place)
            if column.total_uncompressed_size > 2 * limits.max_file_bytes:
                said = f"{column.total_uncompressed_size:,} bytes of one column together"
                raise ValueError(f"{said}, the limit is {2 * limits.max_file_bytes:,}: write smaller row groups")
            if (
                column.has_dictionary_page
                and column.path_in_schema not in words
                and column.physical_type == "BYTE_ARRAY"
            ):
                inside += column.total_uncompressed_size
        worst = max(worst, inside)
    return max(1, min(_PARQUET_ROWS, _PARQUET_BYTES // worst))


def _rows_of(batch: Any) -> Iterator[Row]:
    """A batch as dictionaries, so many rows at once that their texts fit."""
    import pyarrow.compute
    import pyarrow.types

    longest = 1
    for column in batch.columns:
        if pyarrow.types.is_dictionary(column.type) and len(column.dictionary):
            longest += pyarrow.compute.max(pyarrow.compute.binary_length(column.dictionary)).as_py() or 0
    step = max(1, min(len(batch), _PARQUET_BYTES // longest))
    for start in range(0, len(batch), step):
        yield from batch.slice(start, step).to_pylist()


READERS: dict[str, Callable[[Path, Limits], Rows]] = {
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".jsonl": jsonl_rows,
    ".ndjson": jsonl_rows,
    ".parquet": parquet_rows,
}


def _longest_line(limits: Limits) -> int:
    return 6 * limits.max_text_bytes + 2**20  # six characters of JSON for one of text at the most


def _lines(readline: Callable[[int], Any], end: Any, longest: int) -> Iterator[Any]:
    """Lines, none longer than allowed, so that a file without line ends does not fill the memory."""
    return _Lines(readline, end, longest)


class _Lines:
    """An iterator that can go on after an error, which a generator cannot."""

    def __init__(self, readline: Callable[[int], Any], end: Any, longest: int) -> None:
        self._readline, self._end, self._longest = readline, end, longest

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self._readline(self._longest)
        if not line:
            raise StopIteration
        if len(line) == self._longest and not line.endswith(self._end):
            while (rest := self._readline(self._longest)) and not rest.endswith(self._end):
                pass
            raise ValueError(f"longer than {self._longest:,} characters")
        return line


def _typed(cell: str) -> Any:
    if cell in ("true", "True", "TRUE"):
        return True
    if cell in ("false", "False", "FALSE"):
        return False
    if match := _NUMBER.fullmatch(cell):
        return float(cell) if match[2] or match[3] else int(cell)
    return cell


def _plain(cell: Any) -> Any:
    """A Parquet value as JSON would have it; none for what JSON has no word for."""
    if isinstance(cell, dict):
        return {str(name): _plain(value) for name, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [_plain(value) for value in cell]
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if hasattr(cell, "isoformat"):
        return cell.isoformat()
    return None if isinstance(cell, bytes) else str(cell)
