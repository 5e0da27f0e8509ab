"""The second look: its network worked by hand, a miniature of its training, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsee.api.main import run
from hearsee.core.errors import BadInput, Damaged, NotFound, Refused
from hearsee.core.media.kinds import Picture, Words
from hearsee.core.modality import Modality
from hearsee.toybox.draw import picture
from hearsee.toybox.lessons import prepared
from hearsee.toybox.rerank.features import Senses
from hearsee.toybox.rerank.lessons import fits, full_captions, make_album, near_misses, partial_captions, together
from hearsee.toybox.rerank.measure import measure
from hearsee.toybox.rerank.reader import ASPECTS, WIDTH, Each, Reader, fit
from hearsee.toybox.rerank.reranker import FILE, WEIGHTS, ToyboxReranker, load_reader, toybox_reranker
from hearsee.toybox.rerank.train import Recipe, train
from hearsee.toybox.space import RERANKER, toybox_space
from hearsee.toybox.towers import prepare
from hearsee.toybox.write import scene_of, stream


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def senses() -> Senses:
    return Senses.load()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """A miniature: a few pictures, a few steps."""
    folder, lines = tmp_path_factory.mktemp("rerank"), list[str]()
    recipe = Recipe(seed=3, groups=240, captions=1, steps=60, families=12, validation_groups=60)
    return folder, train(folder, recipe, lines.append), lines


def shown(seed: int, count: int) -> list[Picture]:
    drawn = (
        picture(scene_of(seed, "validation", at), stream(seed, "validation", at, "picture")) for at in range(count)
    )
    return [Picture(np.asarray(one)) for one in drawn]


def test_each_aspect_has_a_layer_of_its_own() -> None:
    torch.manual_seed(0)
    layer, rows = Each(5, 3), torch.randn(4, 2, ASPECTS, 5)
    torch.nn.init.normal_(layer.bias)
    want = torch.stack([rows[:, :, at] @ layer.weight[at] + layer.bias[at] for at in range(ASPECTS)], dim=2)
    torch.testing.assert_close(layer(rows), want)


def test_fit_counts_what_fits_where_the_thing_does() -> None:
    sure = torch.full((4, ASPECTS), 50.0)
    sure[1, 5] = sure[2, 0] = -50  # another colour, another thing
    sure[3, 1:] = -50  # nothing but the thing
    torch.testing.assert_close(fit(sure), torch.tensor([18.0, 5.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_pairs_are_judged_alone_as_in_a_batch() -> None:
    torch.manual_seed(0)
    reader = Reader().eval()
    said, seen, near = torch.randn(3, ASPECTS, WIDTH), torch.randn(3, ASPECTS, WIDTH), torch.randn(3)
    with torch.inference_mode():
        together_ = reader(said[:, None].expand(-1, 3, -1, -1), seen[None].expand(3, -1, -1, -1), near.expand(3, 3))
        alone = reader(said[1:2], seen[2:3], near[2:3])
    torch.testing.assert_close(together_[1, 2], alone[0])


def test_senses_know_what_the_towers_know(senses: Senses) -> None:
    texts, seen = ["two red bells", "a very small blue owl far away on the left"], shown(5, 3)
    space = toybox_space()
    heard = senses.hear(prepared(texts))
    want = space.tower(Modality.TEXT).encode([prepare.words(Words(text))[0] for text in texts])
    np.testing.assert_allclose(heard[2], want, atol=1e-5)
    assert heard[1].sum(dim=1).tolist() == [7, 0]  # words that the shorter one lacks
    looked = senses.see(np.stack([prepare.picture(one)[0].data for one in seen]))
    want = space.tower(Modality.IMAGE).encode([prepare.picture(one)[0] for one in seen])
    np.testing.assert_allclose(looked[2], want, atol=1e-5)
    assert [tuple(part.shape) for part in looked] == [(3, 144, 96), (3, 36, 160), (3, 128), (3, 48, 48, 3)]


def test_lessons_name_what_fits_and_what_nearly_does(senses: Senses) -> None:
    album = make_album(senses, 4, "train", 40)
    rng = np.random.default_rng(0)
    captions = together([make(senses, album.scenes, rng, clumsy=True) for make in (full_captions, partial_captions)])
    assert captions.said[:40].all()
    assert not captions.said[40:].all(axis=1).all()
    near = near_misses(captions, album)
    assert all(text % 40 not in row for text, row in enumerate(near.tolist()))
    right = fits(captions.said[40:], album.attributes, album.attributes[None].repeat(40, axis=0))
    assert right[np.arange(40), np.arange(40)].all()  # of its own picture everything that is said is true
    assert (right | captions.said[40:, None]).all()  # what is not said always fits


def test_a_miniature_learns(trained: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, note, lines = trained
    assert json.loads((folder / "rerank.json").read_text()) == note
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if "loss" in line]
    assert losses[-1] < 0.6
    for figures in note["validation"].values():
        assert figures["attributes judged right"] > 0.6
        assert 0 < figures["looked at again"]["recall@1"]["low"] <= figures["looked at again"]["recall@1"]["high"] <= 1
    assert (folder / FILE).stat().st_size < 1_000_000


def test_pictures_are_matched_by_themselves_as_together(trained: tuple[Path, dict[str, Any], list[str]]) -> None:
    reranker, seen = ToyboxReranker(trained[0]), shown(6, 4)
    found = reranker.matches("two red bells on the left", seen)
    assert all(0 <= match <= 18 for match in found)
    np.testing.assert_allclose(
        found, [reranker.matches("two red bells on the left", [one])[0] for one in seen], atol=1e-3
    )
    assert found != reranker.matches("an owl", seen)
    assert reranker.matches("an owl", []) == []
    for words in ("...", " ", "word " * 500):
        assert np.isfinite(reranker.matches(words, seen)).all()


def test_weights_that_do_not_belong_are_refused(
    trained: tuple[Path, dict[str, Any], list[str]], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    seen = shown(7, 1)
    with pytest.raises(NotFound, match="hearsee align rerank"):
        ToyboxReranker(tmp_path).matches("a", seen)
    weights = load_file(trained[0] / FILE)
    save_file(weights, tmp_path / FILE, metadata={"format": "1", "towers": "other"})
    with pytest.raises(Refused, match="was trained on towers other"):
        ToyboxReranker(tmp_path).matches("a", seen)
    del weights["places"]
    save_file(weights, tmp_path / FILE)
    with pytest.raises(Damaged, match="places"):
        ToyboxReranker(tmp_path).matches("a", seen)
    shutil.copy(__file__, tmp_path / FILE)
    with pytest.raises(Damaged, match="holds no reranker"):
        ToyboxReranker(tmp_path).matches("a", seen)
    with pytest.raises(BadInput, match="one step needs 96"):
        train(tmp_path, Recipe(groups=10), print)


def test_what_ships_puts_more_right_pictures_first(senses: Senses) -> None:
    """On combinations that no training saw, whatever a caption says or leaves out."""
    reader = load_reader(WEIGHTS / FILE, senses.fingerprint)
    album = make_album(senses, 9_000_000, "held-out", 150)
    for figures in measure(reader, senses, album, 0).values():
        towers, again = figures["towers"], figures["looked at again"]
        assert again["recall@1"]["value"] > towers["recall@1"]["value"]
        assert again["ndcg@10"]["value"] > towers["ndcg@10"]["value"] + 0.02
    assert (WEIGHTS / FILE).stat().st_size < 1_000_000
    note = json.loads((WEIGHTS / "rerank.json").read_text())
    assert (note["towers"], toybox_space().reranker) == (senses.fingerprint, RERANKER)
    assert toybox_reranker().matches("a bell", shown(8, 1))[0] >= 0


def test_the_command_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["align", "rerank", "--out", str(tmp_path), "--groups", "100", "--steps", "2", "--json"]
    assert run(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recipe"]["steps"] == 2
    assert (tmp_path / FILE).is_file()
