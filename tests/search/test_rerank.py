"""Reranking: places that move and places that stay, and BLIP's layout with random weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hearsee.core.encoders.device import Run
from hearsee.core.errors import Damaged, Refused
from hearsee.core.item import Item
from hearsee.core.media.kinds import Media, Picture
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.search.answer import Hit
from hearsee.search.rerank import reranked
from hearsee.search.rerank.image_text import ImageTextReranker
from tests.checkpoints import bert_folder, pictures, tokenizer


class Brightness:
    """Bright pictures fit best, whatever is said."""

    modality = Modality.IMAGE

    def matches(self, words: str, things: Sequence[Media]) -> list[float]:
        assert words == "bright"
        return [float(thing.pixels.mean()) for thing in things if isinstance(thing, Picture)]


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
    found = reranked(given, "bright", Brightness(), Limits())
    assert [hit.item.id for hit in found] == [6, 2, 5, 4, 3, 1]
    assert [hit.rank for hit in found] == [1, 2, 3, 4, 5, 6]
    assert {hit.item.id: hit.score for hit in found} == {hit.item.id: hit.score for hit in given}
    assert [hit.item.id for hit in reranked(given, "bright", Brightness(), Limits(), first=3)] == [3, 2, 1, 4, 5, 6]
    assert reranked([], "bright", Brightness(), Limits()) == []


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
