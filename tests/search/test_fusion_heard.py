"""Parts that attention hardly heard: which are named, and in which words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.attention import BENDS, start_weights
from hearsee.core.fuser import Learned
from hearsee.core.media.limits import Limits
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space, load_space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.choices import Choice, Choices, Guard
from hearsee.indexer.library import Library
from hearsee.search import Searcher
from hearsee.search.fusion import (
    AttentionFusion,
    ChosenFusion,
    EncodedPart,
    Fusion,
    GuardedFusion,
    MeanFusion,
    chosen_fusion,
)
from hearsee.search.fusion.heard import aimed, hardly_heard
from hearsee.search.parts import PartEncoder
from hearsee.search.query import Part
from hearsee.toybox.write import write_toybox
from tests.search.shelf import Thing, fill

IMAGE, AUDIO, TEXT = Modality
DIM = hash_space().dim
THIRDS = {IMAGE: 1 / 3, AUDIO: 1 / 3, TEXT: 1 / 3}
SAID = "attention trusts"


@pytest.fixture(scope="module")
def attention() -> AttentionFusion:
    """Trusts a part as far as it agrees with the others."""
    weights = {
        name: np.zeros_like(one) for name, one in start_weights("additive", DIM, np.random.default_rng(0)).items()
    }
    weights["agree"][BENDS + 1, 0], weights["read"][0] = 1.0, 12.0
    return AttentionFusion("additive", weights)


def guarded(attention: AttentionFusion, calm: dict[Modality, float]) -> GuardedFusion:
    """Hears attention where a part has fallen to less than a third of its third."""
    return GuardedFusion(attention, Guard(calm, dict.fromkeys(THIRDS, float(np.log(1 / 3))), float(np.log(3))))


def three(wrong: Modality | None, weights: Sequence[float] = (1, 1, 1)) -> list[EncodedPart]:
    """A picture, a sound and words that show nearly the same; one of them may show the contrary."""
    rng = np.random.default_rng(1)
    shown = unit(rng.standard_normal((1, DIM)))[0]
    near = unit(shown + 0.05 * rng.standard_normal((3, DIM)))
    return [
        EncodedPart(kind, weight, False, -row if kind is wrong else row)
        for kind, weight, row in zip(Modality, weights, near, strict=True)
    ]


def told(fusion: Fusion, parts: Sequence[EncodedPart]) -> str:
    return hardly_heard(parts, {IMAGE: aimed(fusion, parts, IMAGE)[1]})


@pytest.mark.parametrize("kind", ["guarded", "bare", "chosen"])
def test_the_part_that_contradicts_is_named(attention: AttentionFusion, kind: str) -> None:
    row = Choice((IMAGE, AUDIO, TEXT), IMAGE, "additive", THIRDS, {"additive": 0.5})
    learned = Learned(hash_space().fingerprint, DIM, {"additive": attention.weights})
    chosen = ChosenFusion(Choices(learned.space, 1, (row,)), learned)
    ways: dict[str, Fusion] = {"guarded": guarded(attention, THIRDS), "bare": attention, "chosen": chosen}
    fusion = ways[kind]
    for wrong, words in ((TEXT, "the words were"), (AUDIO, "the sound was"), (IMAGE, "the picture was")):
        parts = three(wrong)
        target, low = aimed(fusion, parts, IMAGE)
        np.testing.assert_array_equal(target, fusion.fuse(parts, IMAGE))  # to the last bit
        assert [parts[at].modality for at in low] == [wrong]
        assert f"; {words} hardly heard: {SAID} the " in told(fusion, parts)
    assert told(fusion, three(None)) == ""
    assert told(MeanFusion(), three(TEXT)) == ""
    assert told(fusion, three(TEXT)[2:]) == ""  # alone


def test_what_the_user_weighs_down_is_not_told(attention: AttentionFusion) -> None:
    for fusion in (attention, guarded(attention, THIRDS)):
        assert told(fusion, three(None, (1, 1, 1e-4))) == ""
        assert told(fusion, three(TEXT, (1, 1, 0.5))) != ""


def test_what_hardly_ever_counts_here_is_not_told(attention: AttentionFusion) -> None:
    """Fixed weights of a mix, while attention keeps silent."""
    fusion = guarded(attention, {IMAGE: 1.0, AUDIO: 0.01, TEXT: 1.0})
    assert told(fusion, three(None)) == ""
    assert "the words were" in told(fusion, three(TEXT))


@pytest.mark.parametrize(
    ("kinds", "low", "words"),
    [
        ((IMAGE, TEXT), {IMAGE: (1,), AUDIO: (1,)}, "; the words were hardly heard: attention trusts the picture far"),
        ((IMAGE, TEXT), {IMAGE: (1,), AUDIO: ()}, "; for pictures the words were hardly heard"),
        ((IMAGE, IMAGE, TEXT), {IMAGE: (2,)}, "the words were hardly heard: attention trusts the pictures far"),
        ((IMAGE, IMAGE), {IMAGE: (0,)}, "; 1 of the pictures was hardly heard: attention trusts the other part far"),
        ((IMAGE, AUDIO, TEXT), {IMAGE: (1, 2)}, "; the sound and the words were hardly heard: attention trusts the p"),
        ((AUDIO, IMAGE, IMAGE, IMAGE), {TEXT: (1, 2)}, "; 2 of the pictures were hardly heard: attention trusts the o"),
    ],
)
def test_it_is_said_in_plain_words(
    kinds: tuple[Modality, ...], low: dict[Modality, tuple[int, ...]], words: str
) -> None:
    parts = [EncodedPart(kind, 1.0, False, np.zeros(DIM, np.float32)) for kind in kinds]
    assert words in hardly_heard(parts, low)


def test_an_answer_says_it(attention: AttentionFusion, tmp_path: Path) -> None:
    parts = three(TEXT)
    rows: dict[Modality, Vectors] = {part.modality: part.vector[None] for part in parts}
    home = fill(tmp_path / "library", [Thing(f"test:{kind}", kind, row) for kind, row in rows.items()])
    with Searcher(Library.open(home), fusion=attention) as searcher:
        found = searcher.search(like=["test:image", "test:audio", "test:text"])
        assert "; the words were hardly heard: attention trusts the picture and the sound far more" in found.plan.words
        assert SAID not in searcher.search(like=["test:image", "test:audio"]).plan.words


def test_the_toybox_hears_a_caption_and_hardly_a_wrong_name(tmp_path: Path) -> None:
    """With the attention that ships: pictures, each with its own caption and with the name of another thing."""
    write_toybox(tmp_path, 30, seed=5)
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    space = load_space("toybox")
    encoder, fusion = PartEncoder(space, Limits()), chosen_fusion(tmp_path, space)
    pictures = [row for row in rows if row.get("modality") == "image"]
    captions = {row["group"]: row["text"] for row in rows if row.get("modality") == "text"}

    def asked(words: str, picture: str) -> str:
        found = encoder.encode([Part("text", words), Part("image", tmp_path / picture)])
        return told(fusion, [EncodedPart(k, 1.0, False, row) for k, row in zip((TEXT, IMAGE), found, strict=True)])

    assert [asked(captions[row["group"]], row["path"]) for row in pictures] == [""] * len(pictures)
    things = [row["thing"] for row in pictures]
    wrong = [asked(thing, row["path"]) for thing, row in zip(things[1:] + things[:1], pictures, strict=True)]
    assert sum("the words were hardly heard" in one for one in wrong) > len(wrong) / 2
