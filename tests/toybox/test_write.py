"""The folder that `write_toybox` leaves: exact rows, readable files, and nothing that depends on what came before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from hearsee.core.errors import BadInput
from hearsee.toybox.scene import Scene
from hearsee.toybox.splits import split_of
from hearsee.toybox.write import group, write_toybox


def rows_of(table: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("items", "modalities"), [(6, "iatiat"), (7, "iatiati"), (8, "iatiatia"), (1, "i")])
def test_exactly_as_many_items_as_asked(tmp_path: Path, items: int, modalities: str) -> None:
    rows = rows_of(write_toybox(tmp_path, items, seed=3))
    assert "".join({"image": "i", "audio": "a", "text": "t"}[row["modality"]] for row in rows) == modalities


def test_rows_tell_the_truth_about_their_files(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    table = write_toybox(tmp_path, 9, seed=3, split="validation", progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    rows = rows_of(table)
    for row in rows:
        index = int(row["group"].rsplit("-", 1)[1])
        one = group(3, "validation", index)
        truth = {name: row[name] for name in ("thing", "count", "size", "side", "distance", "colour")}
        assert truth == one.scene.attributes()
        assert row["split"] == split_of(Scene(**truth)) == "validation"
        if row["modality"] == "image":
            np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / row["path"])), one.picture)
        elif row["modality"] == "audio":
            samples, rate = soundfile.read(tmp_path / row["path"], dtype="float32", always_2d=True)
            assert rate == 16_000
            np.testing.assert_allclose(samples, one.samples, atol=1e-3)
        else:
            assert (row["text"], row["language"]) == (one.caption, one.language)
            assert "path" not in row
    assert {path.name for path in tmp_path.iterdir()} == {"items.jsonl", "images", "sounds"}


def test_a_group_does_not_depend_on_what_was_made_before() -> None:
    later = group(9, "train", 5)
    group(9, "train", 6)
    again = group(9, "train", 5)
    assert (later.scene, later.caption) == (again.scene, again.caption)
    np.testing.assert_array_equal(later.picture, again.picture)
    np.testing.assert_array_equal(later.samples, again.samples)
    assert not np.array_equal(later.picture, group(10, "train", 5).picture)


@pytest.mark.parametrize(("items", "seed", "split"), [(0, 1, "train"), (3, -1, "train"), (3, 1, "test")])
def test_impossible_wishes_are_named(tmp_path: Path, items: int, seed: int, split: str) -> None:
    with pytest.raises(BadInput):
        write_toybox(tmp_path, items, seed, split)
