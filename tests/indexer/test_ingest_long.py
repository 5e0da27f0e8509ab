"""Long items in the ingest: encoded while they are decoded, in bounded memory, all of it or nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media import Limits
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.indexer.ingest.decoders import Decoders
from hearsee.indexer.ingest.pace import Moment
from hearsee.indexer.ingest.rest import Rest
from tests.indexer.shop import Shop, png

LONG = '''
import os, signal, time
from pathlib import Path
import numpy as np
from hearsee.core.errors import BadMedia
from hearsee.core.media.kinds import Piece, Span

def frames(media):
    return list(each_frames(media))

def each_frames(media):
    """Thirty pieces of a megabyte; red says what goes wrong at the twelfth: 1 dies, 2 is damaged, 3 sleeps, 4 eats."""
    red, green = media.pixels[0, 0, :2].tolist()
    for n in range(30):
        if n == 12 and red == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if n == 12 and red == 2:
            raise BadMedia("cut short in the middle")
        if n == 12 and red == 3:
            time.sleep(60)
        if n == 12 and red == 4:
            np.ones(2**32)
        with Path(__file__).with_name("made").open("a") as made:
            made.write(f"{n}\\n")
        yield Piece(np.full((2**16, 8), n + 31 * red + green, np.uint16), Span(n, n + 1, "seconds"))
'''
PREPARATION = "long_preparation:frames"
PIECES, MIB = 30, 2**20
SETTINGS = Settings(workers=2, limits=Limits(decode_seconds=5.0, group_bytes=2 * MIB))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each piece that was prepared leaves a line."""
    (tmp_path / "long_preparation.py").write_text(LONG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "made"


@pytest.fixture
def shop(tmp_path: Path, made: Path) -> Shop:  # noqa: ARG001 - the preparation is to be there
    tower = HashEncoder(Modality.IMAGE, preparation=PREPARATION)
    return Shop(tmp_path, Space("long", tower.dim, {Modality.IMAGE: tower}), SETTINGS)


def test_what_breaks_in_the_middle_leaves_nothing_and_takes_nobody_along(shop: Shop) -> None:
    bad = {
        shop.put("b.png", png(1)): "crashed the decoder (signal SIGSEGV)",
        shop.put("d.png", png(2)): "cut short in the middle",
        shop.put("e-the-same.png", png(2)): "cut short in the middle",
        shop.put("f.png", png(3)): "decoding took longer than 5 s",
        shop.put("h.png", png(4)): "decoding needed more than 2 GB of memory",
    }
    good = {shop.put(name, png(red)) for name, red in (("a.png", 5), ("c.png", 6), ("g.png", 7), ("i.png", 8))}
    report = shop.run()
    assert shop.quarantine() == bad
    assert shop.items().keys() == good
    assert (report.added, report.encoded) == (len(good), len(good) * PIECES)
    assert {len(rows) for rows in shop.vectors().values()} == {PIECES}
    again = shop.run()
    assert (again.added, again.unchanged) == (0, len(good))


def test_groups_give_the_vectors_of_the_whole(shop: Shop, tmp_path: Path) -> None:
    for red in (5, 6):
        shop.put(f"{red}.png", png(red))
    shop.run()
    whole = Shop(tmp_path / "whole", shop.space, replace(SETTINGS, limits=Limits()))
    for red in (5, 6):
        whole.put(f"{red}.png", png(red))
    whole.run()
    for mine, theirs in zip(shop.vectors().values(), whole.vectors().values(), strict=True):
        assert np.array_equal(mine, theirs)
        assert len(np.unique(mine, axis=0)) == PIECES


def test_ctrl_c_in_the_middle_keeps_nothing_of_it(shop: Shop) -> None:
    shop.put("a.png", png(3))

    def stop(moment: Moment) -> None:
        if moment.stages["encoded"]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.run(progress=stop)
    assert not shop.items()
    assert not shop.quarantine()
    shop.put("a.png", png(5))
    assert shop.run().added == 1


def test_nothing_is_decoded_that_nobody_takes(made: Path) -> None:
    decoders, rest = Decoders(1, SETTINGS.limits), Rest()
    first = decoders.submit(Modality.IMAGE, PREPARATION, png(5), rest).result(timeout=30)
    time.sleep(5.5)  # longer than decoding may take: waiting for whoever takes the pieces does not count
    # Two are out, two wait here, two are in hand, two in the pipe and its process.
    assert len(made.read_text().split()) <= 10
    decoders.release(first)
    groups = [first, *rest]
    decoders.close()
    assert [round(float(piece.span.start)) for group in groups for piece in group if piece.span] == list(range(PIECES))
    assert max(len(group) for group in groups) == 2


@pytest.mark.usefixtures("made")
def test_who_closes_the_pool_is_not_held_up_by_pieces_that_nobody_takes() -> None:
    decoders, rest = Decoders(1, SETTINGS.limits), Rest()
    decoders.submit(Modality.IMAGE, PREPARATION, png(5), rest).result(timeout=30)
    until = time.monotonic() + 10
    decoders.close()
    assert time.monotonic() < until
    with pytest.raises(BadInput, match="stopped"):
        list(rest)


@pytest.mark.usefixtures("made")
def test_without_a_rest_all_pieces_come_at_once() -> None:
    decoders = Decoders(1, SETTINGS.limits)
    whole, broken = (decoders.submit(Modality.IMAGE, PREPARATION, png(red)) for red in (5, 2))
    assert len(whole.result(timeout=30)) == PIECES
    with pytest.raises(BadMedia, match="in the middle"):
        broken.result(timeout=30)
    decoders.close()
