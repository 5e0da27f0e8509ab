"""`hearsee index --queries` proves a recall with what people ask, and keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.test_index_command import answered, spoken
from tests.api.world import World


def test_queries_of_a_file_prove_the_recall(
    own_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("\n".join(f"a bell number {n}" for n in range(150)))
    answered(capsys, own_world, "index", own_world.folder, "--recall", "0.9", "--shards", "hnsw", "--queries", asked)
    rows: list[dict[str, object]] = answered(capsys, own_world, "stats")["searched"]  # type: ignore[assignment]
    proved = {one["asking"]: one["queries"] for row in rows for one in row["tuned"]}  # type: ignore[attr-defined]
    assert proved["text"] == 150
    told = spoken(capsys, own_world, "index", own_world.folder, "--queries", tmp_path / "none.npy", code=1)
    assert "none.npy is no file of queries: name a .npy" in told.replace("\n", " ")
