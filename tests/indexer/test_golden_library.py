"""A library holds its towers to the vectors that they gave at first: drift is refused, and there is a way on."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import Refused
from hearsee.core.golden import Golden, golden_of
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare_media
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
from hearsee.indexer.beside import fill
from hearsee.indexer.catalog import Catalog
from hearsee.indexer.library import Library
from hearsee.indexer.turning import drop_space, switch_space
from hearsee.indexer.writer import Writer
from tests.indexer.moved import Mover, agree, served
from tests.indexer.shop import SETTINGS

TEXT = Modality.TEXT


@pytest.fixture
def mover(tmp_path: Path) -> Mover:
    made = Mover(tmp_path)
    made.put_all(2)
    made.index()
    return made


def drift(catalog: Catalog) -> None:
    """As if the texts had been encoded by another release: the same contract, other vectors."""
    other = golden_of(HashEncoder(TEXT, preparation="tests.indexer.test_golden_library:shouted"), TEXT)
    with catalog._database.writing() as db:
        db.exec_driver_sql("UPDATE towers SET golden = ? WHERE modality = 'text'", (other.text,))


def shouted(media: object) -> object:
    """What another release might do to texts."""
    from hearsee.core.encoders.hash import prepare
    from hearsee.core.media.kinds import Words

    assert isinstance(media, Words)
    return prepare(Words(media.text.upper()))


def ask(library: Library) -> None:
    space = library.space
    space.tower(TEXT).encode(prepare_media(TEXT, b"two bells", space, Limits()))


def test_golden_vectors_are_written_with_the_first_commit_of_a_tower(mover: Mover) -> None:
    with mover.open() as library:
        golden = library.catalog.golden()
        assert golden.keys() == set(Modality)
        kept = Golden.parse(golden[TEXT])
        assert kept is not None
        assert kept.fingerprint == golden_of(HashEncoder(TEXT), TEXT).fingerprint
        ask(library)
    mover.put("later.txt", 8)
    mover.index()
    with mover.open() as library:
        assert library.catalog.golden() == golden  # written once


def test_drift_is_refused_by_who_asks_and_by_who_indexes(mover: Mover) -> None:
    with mover.writer() as writer:
        drift(writer.catalog)
        generation = writer.catalog.generation()
    with mover.open() as library, pytest.raises(Refused, match="the text tower hash-text-16 gives other vectors"):
        ask(library)
    mover.put("later.txt", 8)
    with pytest.raises(Refused, match=r"cosine -?\d\.\d+ on the canonical inputs.*hearsee space add NAME --anew"):
        mover.index()
    with mover.open() as library:
        assert library.catalog.generation() == generation  # nothing of it was taken in
        raw = (mover.media / "000.png").read_bytes()  # the other towers go on
        assert len(
            library.space.tower(Modality.IMAGE).encode(prepare_media(Modality.IMAGE, raw, library.space, Limits()))
        )


def test_another_release_that_changes_vectors_is_named_with_both_versions(mover: Mover) -> None:
    old = golden_of(HashEncoder(TEXT, preparation="tests.indexer.test_golden_library:shouted"), TEXT)
    then = Golden(old.rows, {**old.libraries, "numpy": "0.9"})
    with mover.writer() as writer, writer.catalog._database.writing() as db:
        db.exec_driver_sql("UPDATE towers SET golden = ? WHERE modality = 'text'", (then.text,))
    with mover.open() as library, pytest.raises(Refused, match="gives other vectors") as refused:
        ask(library)
    assert "\n" not in str(refused.value)
    now = golden_of(HashEncoder(TEXT), TEXT)
    assert refused.value.details == (
        f"golden vectors: {then.fingerprint[:12]} -> {now.fingerprint[:12]}",
        f"libraries: numpy 0.9 -> {version('numpy')}",
    )


def test_after_a_drift_everything_is_encoded_anew_beside(mover: Mover) -> None:
    with mover.writer() as writer:
        drift(writer.catalog)
    mover.put("later.txt", 8)
    with pytest.raises(Refused, match="gives other vectors"):
        mover.index()
    with Writer.beside(mover.library, space=load_space("hash"), anew=True) as writer:
        assert fill(writer, SETTINGS).added == 6
    switch_space(mover.library, "hash")
    drop_space(mover.library, "hash")  # the drifted one of the same name
    assert mover.index().added == 1
    with mover.open() as library:
        ask(library)
        assert agree(served(library), mover.expected(load_space("hash")))
        assert len(library.catalog.spaces()) == 1
