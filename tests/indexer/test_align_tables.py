"""A library's segments are the table: points, items and groups as the catalog has them; logs can be read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Span
from hearsee.core.modality import Modality
from hearsee.indexer.align.curves import tensorboard
from hearsee.indexer.align.loop import Epoch
from hearsee.indexer.align.tables import library_table
from hearsee.indexer.batch import Add, Batch
from hearsee.indexer.library import Library
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SPACE, add, vectors


def member(name: str, modality: Modality, points: int, group: str | None) -> Add:
    plain = add(f"file:///{name}", 0, points, modality)
    spans = [Span(at, at + 1, "seconds") for at in range(points)] if points > 1 else [None]
    return Add(plain.uri, modality, plain.content, 1, plain.source, plain.vectors, spans, group=group)


def test_a_table_is_what_the_library_holds(tmp_path: Path) -> None:
    with Writer.open(tmp_path, space=SPACE) as writer:
        for group in range(30):
            members = [member(f"{group}.png", Modality.IMAGE, 1, f"g{group}")]
            members += [member(f"{group}.wav", Modality.AUDIO, 3, f"g{group}")] if group % 2 else []
            members += [member(f"{group}.{at}", Modality.TEXT, 1, f"g{group}") for at in range(1 + (group == 7))]
            writer.commit(Batch(members))
        writer.commit(Batch([member("lonely", Modality.IMAGE, 1, None)]))
        writer.remove(["file:///3.wav"])
        with Library.open(tmp_path) as library:
            table = library_table(library)
    assert {modality: len(rows) for modality, rows in table.vectors.items()} == {"image": 30, "audio": 42, "text": 31}
    assert table.vectors["audio"].dtype == np.float16
    for modality, ending in (("image", "png"), ("audio", "wav")):
        for item in np.unique(table.items[modality]):
            rows = np.flatnonzero(table.items[modality] == item)
            name = table.name(int(table.groups[modality][rows[0]]))[1:]
            expected = vectors(f"file:///{name}.{ending}", 0, len(rows))
            np.testing.assert_array_equal(table.vectors[modality][rows].astype(np.float32), expected)
    both = np.flatnonzero(table.groups["text"] == table.names.index("g7"))
    assert len(both) == 2


def test_a_library_without_groups_says_so(tmp_path: Path) -> None:
    with Writer.open(tmp_path, space=SPACE) as writer:
        writer.commit(Batch([member("a", Modality.IMAGE, 1, None), member("b", Modality.TEXT, 1, "x")]))
        with Library.open(tmp_path) as library, pytest.raises(BadInput, match="there are vectors of text only"):
            library_table(library)


def test_logs_are_what_tensorboard_reads(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    note = tensorboard(tmp_path)
    note(Epoch(1, 2, 9.0, 0.1, 1.0, 1.0, resumed=True))
    note(Epoch(2, 2, 0.5, 0.75, 2.0, 0.0))
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert [(one.step, one.value) for one in events.Scalars("recall/validation")] == [(2, 0.75)]
    assert [(one.step, one.value) for one in events.Scalars("loss")] == [(2, 0.5)]
