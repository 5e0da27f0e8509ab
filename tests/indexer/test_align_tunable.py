"""A tower that can learn reads what the tower reads, and what it learned is a tower again, of another fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsee.core.encoders import Encoder
from hearsee.core.encoders.hash import HashEncoder
from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.presets import placed_options
from hearsee.core.vectors import unit
from hearsee.indexer.align.lowrank import low_rank, merge
from hearsee.indexer.align.tunable import tunable
from hearsee.toybox.towers.encoders import ToyboxTower
from tests import checkpoints

IMAGE, AUDIO, TEXT = Modality.IMAGE, Modality.AUDIO, Modality.TEXT
Make = Callable[[Path], Path]
TEXTS = ("a photo of the dog", "rain on a roof", "bell rings and a man plays the guitar in rain")


def media(modality: Modality) -> list[Media]:
    if modality is IMAGE:
        return [Picture(pixels) for pixels in checkpoints.pictures(3)]
    if modality is AUDIO:
        return [Sound(samples[:, None], 48_000) for samples in checkpoints.sounds(3)]
    return [Words(text) for text in TEXTS]


def made(kind: str, modality: Modality, folder: Path) -> Encoder:
    if kind == "toybox":
        return ToyboxTower(modality)
    makers: dict[str, tuple[Make, str]] = {
        "open_clip": (checkpoints.open_clip_folder, "open_clip"), "clap": (checkpoints.clap_folder, "clap"),
        "bert": (checkpoints.bert_folder, "transformers"), "vit": (checkpoints.vit_folder, "transformers"),
        "resnet": (checkpoints.resnet_folder, "transformers"), "wav2vec": (checkpoints.wav2vec_folder, "transformers"),
    }  # fmt: skip
    make, name = makers[kind]
    return make_tower(name, modality, {"model": str(make(folder / "from"))})


@pytest.mark.parametrize(
    ("kind", "modality"),
    [
        ("toybox", IMAGE), ("toybox", AUDIO), ("toybox", TEXT), ("open_clip", IMAGE), ("open_clip", TEXT),
        ("clap", AUDIO), ("clap", TEXT), ("bert", TEXT), ("vit", IMAGE), ("resnet", IMAGE), ("wav2vec", AUDIO),
    ],
)  # fmt: skip
def test_what_a_tower_learned_is_a_tower_again(kind: str, modality: Modality, tmp_path: Path) -> None:
    if kind != "toybox":
        pytest.importorskip("open_clip" if kind == "open_clip" else "transformers")
    tower = made(kind, modality, tmp_path)
    prepare = find_preparation(tower.preparation)
    pieces: list[Piece] = [prepare(one)[0] for one in media(modality)]
    copy = tunable(tower)
    network = copy.network.eval()
    rows = network(copy.inputs(pieces))
    assert rows.requires_grad
    close(tower.encode(pieces), rows)
    torch.manual_seed(0)
    learn(network, copy.inputs(pieces), whole=kind == "resnet")  # which has no linear layer
    learned = network.eval()(copy.inputs(pieces))
    assert (torch.nn.functional.cosine_similarity(learned, rows, dim=1) < 0.999).any()  # it did learn
    out = tmp_path / "space"
    out.mkdir()
    name, options = copy.write(network, out)
    again = make_tower(name, modality, placed_options(str(out), options))
    close(again.encode(pieces), learned)
    assert again.contract.fingerprint != tower.contract.fingerprint
    assert again.contract.preprocessing == tower.contract.preprocessing


def learn(network: torch.nn.Module, inputs: torch.Tensor, *, whole: bool) -> None:
    """Some steps away from where the rows are, low rank unless `whole`."""
    if not whole:
        low_rank(network, 2)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, 0.05)
    first = network(inputs).detach()
    for _ in range(8):
        optimizer.zero_grad()
        goals = first.roll(1, 0) + 0.1 * torch.randn_like(first)
        (-torch.nn.functional.cosine_similarity(network(inputs), goals, dim=1).mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    merge(network)


def close(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rows: torch.Tensor) -> None:
    cosines = (unit(vectors) * unit(rows.detach().numpy())).sum(axis=1)
    assert cosines.min() > 0.9995


def test_both_towers_of_one_model_are_written_into_one_folder(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    folder = checkpoints.open_clip_folder(tmp_path / "from")
    copies = {m: tunable(make_tower("open_clip", m, {"model": str(folder)})) for m in (IMAGE, TEXT)}
    options = {m: copy.write(copy.network, tmp_path)[1] for m, copy in copies.items()}
    assert options[IMAGE] == options[TEXT]
    for modality in copies:
        pieces = [find_preparation(make_tower("open_clip", modality, {"model": str(folder)}).preparation)(one)[0] for one in media(modality)]  # fmt: skip # noqa: E501
        again = make_tower("open_clip", modality, placed_options(str(tmp_path), options[modality]))
        close(again.encode(pieces), copies[modality].network.eval()(copies[modality].inputs(pieces)))


def test_towers_that_cannot_learn_say_so() -> None:
    with pytest.raises(BadInput, match=r"cannot learn.*train heads over it"):
        tunable(HashEncoder(TEXT))
