"""Reranking: places that move and places that stay, and BLIP's layout with random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hearsee.core.encoders.device import Run
from hearsee.core.errors import BadInput, BadMedia, Damaged, NotFound, Refused
from hearsee.core.item import Item
from hearsee.core.media.kinds import Media, Picture
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.core.presets import read_preset
from hearsee.core.space import hash_space
from hearsee.indexer.batch import Batch
from hearsee.indexer.writer import Writer
from hearsee.search import open_library
from hearsee.search.answer import Hit
from hearsee.search.rerank import SecondLook, reranked
from hearsee.search.rerank.image_text import ImageTextReranker
from hearsee.search.rerank.named import Rerankers, reranker_names
from tests.checkpoints import bert_folder, pictures, tokenizer
from tests.search.shelf import Thing, directions

BRIGHT = "tests.search.test_rerank:Brightness"


class Brightness:
    """Bright pictures fit best, whatever is said."""

    modality = Modality.IMAGE

    def matches(self, words: str, things: Sequence[Media]) -> list[float]:
        assert words == "bright"
        return [float(thing.pixels.mean()) for thing in things if isinstance(thing, Picture)]


def look(first: int = 50) -> SecondLook:
    return SecondLook.of("brightness", Brightness(), ("bright",), tuple(Modality), first)


def hits(folder: Path) -> list[Hit]:
    """Pictures of rising brightness, a sound among them, and a picture whose file is gone."""
    made = []
    for rank in range(1, 7):
        path = folder / f"{rank}.png"
        Image.fromarray(np.full((4, 4, 3), 20 * rank, np.uint8)).save(path)
        kind = Modality.AUDIO if rank == 2 else Modality.IMAGE
        made.append(Hit(rank, 1 - rank / 10, Item(rank, path.as_uri(), kind, str(rank), 1)))
    (folder / "4.png").unlink()
    return made


def test_what_is_read_is_ordered_and_the_rest_stays(tmp_path: Path) -> None:
    given = hits(tmp_path)
    looked = reranked(given, look(), Limits())
    found = looked.hits
    assert [hit.item.id for hit in found] == [6, 2, 5, 4, 3, 1]
    assert [hit.rank for hit in found] == [1, 2, 3, 4, 5, 6]
    assert {hit.item.id: hit.score for hit in found} == {hit.item.id: hit.score for hit in given}
    assert [hit.match for hit in found] == [120, None, 100, None, 60, 20]
    assert (looked.read, len(looked.unread)) == (4, 1)
    assert "4 read, 1 not (" in looked.said(look())
    assert [hit.item.id for hit in reranked(given, look(3), Limits()).hits] == [3, 2, 1, 4, 5, 6]
    assert reranked([], look(), Limits()).hits == []
    named = [replace(hit, words=("img 1",)) if hit.rank == 1 else hit for hit in given]
    assert [hit.item.id for hit in reranked(named, look(), Limits()).hits] == [1, 2, 6, 4, 5, 3]


def test_where_no_hit_can_be_read_that_is_an_error(tmp_path: Path) -> None:
    given = hits(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(BadMedia, match=r"could read none of 5 hits .* put the files back"):
        reranked(given, look(), Limits())


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Forty pictures of rising brightness in no order that the space knows, and a sound."""
    rng, adds = np.random.default_rng(0), []
    for number in range(40):
        path = tmp_path / f"{number:02d}.png"
        Image.fromarray(np.full((4, 4, 3), 5 * number, np.uint8)).save(path)
        adds.append(Thing(path.as_uri(), Modality.IMAGE, directions(rng, 1)).add())
    adds.append(Thing("test:sound", Modality.AUDIO, directions(rng, 1)).add())
    with Writer.open(tmp_path / "library", space=hash_space()) as writer:
        writer.commit(Batch(adds))
    return tmp_path / "library"


def test_a_search_shows_the_best_of_the_first_hits(library: Path) -> None:
    with open_library(library, space=replace(hash_space(), reranker=BRIGHT)) as searcher:
        plain = [hit.item.id for hit in searcher.search(text="bright", wanted="image", k=40).hits]
        answer = searcher.search(text="bright", wanted="image", k=4, rerank=True)
        assert [hit.item.id for hit in answer.hits] == sorted(plain[:30], reverse=True)[:4]
        assert "the first 30 looked at again by hash: 30 read" in answer.plan.words
        assert answer.timings["rerank_ms"] > 0
        few = searcher.search(text="bright", wanted="image", k=40, rerank="hash", rerank_first=5)
        assert [hit.item.id for hit in few.hits] == [*sorted(plain[:5], reverse=True), *plain[5:]]
        mixed = searcher.search(text="bright", k=41, rerank=True, rerank_first=41)
        places = [hit.rank for hit in searcher.search(text="bright", k=41).hits if hit.item.uri == "test:sound"]
        assert [hit.rank for hit in mixed.hits if hit.item.uri == "test:sound"] == places


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"like": 1, "rerank": True}, "this query has none"),
        ({"text": "bright", "wanted": "audio", "rerank": True}, "reads pictures only, and the query wants sounds"),
        ({"text": "bright", "rerank": True, "diverse": 0.5}, "either order would undo the other"),
        ({"text": "bright", "rerank": True, "rerank_first": 0}, "rerank_first is 0"),
        ({"text": "bright", "rerank": 3}, "rerank is 3"),
    ],
)
def test_what_cannot_be_looked_at_again_is_told(library: Path, question: dict[str, Any], said: str) -> None:
    space = replace(hash_space(), reranker=BRIGHT)
    with open_library(library, space=space) as searcher, pytest.raises(BadInput, match=said):
        searcher.search(**question)


def test_rerankers_are_found_by_name(tmp_path: Path) -> None:
    assert "blip" in reranker_names()
    known = Rerankers(hash_space())
    with pytest.raises(BadInput, match="space 'hash' brings no reranker"):
        known.find(True)
    with pytest.raises(NotFound, match="no reranker is named 'nobody'"):
        known.find("nobody")
    assert isinstance(known.find(str(tmp_path))[1], ImageTextReranker)
    assert read_preset("clip-clap").about["reranker"] == "blip"
    described = {**read_preset("clip-clap").about, "reranker": "os:abort"}
    (tmp_path / "space.json").write_text(json.dumps(described))
    with pytest.raises(Damaged, match="reranker is 'os:abort'"):
        read_preset(str(tmp_path))
    assert known.find(str(tmp_path))[1] is known.find(str(tmp_path))[1]
    assert isinstance(Rerankers(replace(hash_space(), reranker=BRIGHT)).find(True)[1], Brightness)


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BlipConfig, BlipForImageTextRetrieval

    folder = tmp_path_factory.mktemp("blip") / "model"
    folder.mkdir()
    tokenizer(folder)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**shape, "encoder_hidden_size": 32, "vocab_size": 400, "max_position_embeddings": 80, "projection_dim": 16}
    config = BlipConfig(
        text_config=text,
        vision_config={**shape, "image_size": 32, "patch_size": 8, "initializer_range": 0.1},
        projection_dim=16,
        image_text_hidden_size=16,
    )
    torch.manual_seed(0)
    model = BlipForImageTextRetrieval(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8 if weight.ndim > 1 else 1)  # as they are made, all pictures look alike
    model.save_pretrained(folder)
    size = {"height": 32, "width": 32}
    about = {"image_processor_type": "BlipImageProcessor", "size": size, "resample": 3, "do_resize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


def test_blip_reads_words_and_pictures(blip: Path) -> None:
    """Each picture by itself as in a batch, whatever their shapes; other words, other matches."""
    import torch

    torch.set_num_threads(1)
    reranker = ImageTextReranker(str(blip), Run(device="cpu", precision="float32"))
    shown = [Picture(one) for one in pictures(9)]
    together = reranker.matches("a dog on the roof", shown)
    alone = [reranker.matches("a dog on the roof", [one])[0] for one in shown]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert len(set(np.round(together, 4))) > 5
    assert not np.allclose(together, reranker.matches("a bell rings", shown), atol=1e-4)
    assert len(reranker.matches("word " * 500, shown[:1])) == 1
    assert reranker.matches("a dog", []) == []


def test_a_folder_that_cannot_rerank_is_refused(blip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    with pytest.raises(Refused, match="holds a 'bert' model"):
        ImageTextReranker(str(bert_folder(tmp_path / "bert"))).matches("a", [Picture(pictures(1)[0])])
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for path in blip.iterdir():
        (lacking / path.name).write_bytes(path.read_bytes())
    weights = {
        name: one for name, one in load_file(blip / "model.safetensors").items() if not name.startswith("itm_head")
    }
    save_file(weights, lacking / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Damaged, match="lacks 2 of its model's weights"):
        ImageTextReranker(str(lacking)).matches("a", [Picture(pictures(1)[0])])
