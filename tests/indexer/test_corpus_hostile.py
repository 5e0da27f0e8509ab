"""Tables and tars that were made to fill the memory or to hang: each ends in one reason."""

from __future__ import annotations

import itertools
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.media import Limits
from hearsee.indexer.corpus import Entry, Rejected, open_source

LIMITS = Limits()


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_table_that_repeats_one_long_text_stays_small(tmp_path: Path, nested: bool) -> None:
    repeated = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 400, pyarrow.int32()), pyarrow.array(["x" * 20_000_000])
    )
    if nested:
        repeated = pyarrow.ListArray.from_arrays(pyarrow.array(range(401), pyarrow.int32()), repeated)
    columns = {"text": pyarrow.array([f"text {row}" for row in range(400)]), "words": repeated}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    pool = pyarrow.default_memory_pool()
    found = open_source(str(tmp_path / "t.parquet"), LIMITS).entries
    most = 0
    for place, one in enumerate(itertools.islice(found, 20)):
        assert isinstance(one, Entry)
        assert one.text == f"text {place}"
        most = max(most, pool.bytes_allocated())
    assert most < 500_000_000  # 256 rows at once would be 5 GB


def test_a_parquet_column_that_says_it_is_enormous_is_refused(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": ["y" * 3_000_000]}), tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(BadInput, match="bytes of one column together, the limit is 2,000,000: write smaller row"):
        open_source(str(tmp_path / "t.parquet"), Limits(max_file_bytes=1_000_000))


def header(name: str, kind: bytes, size: int, raw: bytes = b"") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + raw + bytes(-len(raw) % 512)


def fields(**records: str) -> bytes:
    """A header of further fields and the member that they belong to."""
    lines = b""
    for name, value in records.items():
        body = f" GNU.sparse.{name}={value}\n" if name != "size" else f" size={value}\n"
        length = next(number for number in range(999) if len(f"{number}{body}") == number)
        lines += f"{length}{body}".encode()
    return header("more", b"x", len(lines), lines) + header("x.png", b"0", 12, b"no new lines")


ODD_HEADERS = {
    "a size beyond all disks": fields(size="9" * 24),
    "a size below nothing": fields(size="-512"),
    "a sparse map of nonsense": fields(map="1,x,3", realsize="5"),
    "a sparse map without an end": fields(major="1", minor="0", name="s.png", realsize="9"),
    "names of names of names": header("././@LongLink", b"L", 4, b"abc\0") * 3000,
    "a name of gigabytes": header("././@LongLink", b"L", 3 * 2**30),
    "fields of gigabytes": header("more", b"x", 3 * 2**30),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", ODD_HEADERS)
def test_tars_with_headers_that_nobody_writes_are_one_reason(tmp_path: Path, what: str) -> None:
    first = header("a/1.txt", b"0", 3, b"owl")
    (tmp_path / "t.tar").write_bytes(first + header("b/2.txt", b"0", 3, b"yes") + ODD_HEADERS[what] + bytes(1024))
    found = list(open_source(str(tmp_path / "t.tar"), LIMITS).entries)
    assert [one.uri.partition("#")[2] for one in found if isinstance(one, Entry)][:1] == ["a/1.txt"]
    (reason,) = [one.reason for one in found if isinstance(one, Rejected)]
    assert "the tar " in reason
    assert len(reason) < 200
    assert "\n" not in reason
