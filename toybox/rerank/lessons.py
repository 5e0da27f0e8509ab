"""What the second look learns from: pictures and captions as the towers know them, and the towers' near misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hearsee.core.media.kinds import Picture
from hearsee.toybox.draw import picture
from hearsee.toybox.lessons import captions_of, prepared, short_captions
from hearsee.toybox.rerank.features import Heard, Seen, Senses
from hearsee.toybox.scene import COLOURS, COUNTS, DISTANCES, SEEN, SIDES, SIZES, THINGS, Scene
from hearsee.toybox.towers import prepare
from hearsee.toybox.write import scene_of, stream

PART = 500  # groups drawn before the towers look at them
NEAR = 16  # near misses that are known of each caption
TABLES: tuple[tuple[object, ...], ...] = (THINGS, COUNTS, SIZES, SIDES, DISTANCES, COLOURS)


@dataclass(frozen=True)
class Captions:
    """Texts as the word tower knows them; text i is of scene i modulo the number of scenes."""

    heard: Heard  # tokens in half precision
    said: NDArray[np.bool_]  # (texts, 6): which attributes each says

    def __len__(self) -> int:
        return len(self.said)

    def rows(self, chosen: NDArray[np.int64]) -> Heard:
        tokens, nothing, whole = self.heard
        return tokens[chosen].float(), nothing[chosen], whole[chosen]


@dataclass(frozen=True)
class Album:
    """Scenes of one split: what they show, and their pictures as the picture tower knows them."""

    scenes: tuple[Scene, ...]
    attributes: NDArray[np.int64]  # (scenes, 6), numbered as in the scene's tables
    seen: Seen  # cells in half precision

    def __len__(self) -> int:
        return len(self.scenes)

    def rows(self, chosen: NDArray[np.int64]) -> Seen:
        fine, coarse, whole, dots = self.seen
        return fine[chosen].float(), coarse[chosen].float(), whole[chosen], dots[chosen]


def make_album(senses: Senses, seed: int, split: str, groups: int) -> Album:
    scenes = tuple(scene_of(seed, split, index) for index in range(groups))
    attributes = [[table.index(value) for table, value in zip(TABLES, astuple(scene), strict=True)] for scene in scenes]
    made: list[Seen] = []
    for start in range(0, groups, PART):
        drawn = [
            prepare.picture(Picture(np.asarray(picture(scenes[index], stream(seed, split, index, "picture")))))[0].data
            for index in range(start, min(start + PART, groups))
        ]
        fine, coarse, whole, dots = senses.see(np.stack(drawn))
        made.append((fine.half(), coarse.half(), whole, dots))
    fine, coarse, whole, dots = (torch.cat(parts) for parts in zip(*made, strict=True))
    return Album(scenes, np.array(attributes, np.int64), (fine, coarse, whole, dots))


def full_captions(senses: Senses, scenes: Sequence[Scene], rng: np.random.Generator, *, clumsy: bool) -> Captions:
    texts = captions_of(scenes, rng, clumsy=clumsy)
    return Captions(_half(senses.hear(prepared(texts))), np.ones((len(scenes), len(SEEN)), np.bool_))


def partial_captions(senses: Senses, scenes: Sequence[Scene], rng: np.random.Generator, *, clumsy: bool) -> Captions:
    texts, said = short_captions(scenes, rng, clumsy=clumsy)
    return Captions(_half(senses.hear(prepared(texts))), said)


def together(parts: Sequence[Captions]) -> Captions:
    """Several captions of each scene, one after the other."""
    longest = max(part.heard[0].shape[1] for part in parts)
    tokens, nothing, whole = zip(*(_padded(part.heard, longest) for part in parts), strict=True)
    return Captions((torch.cat(tokens), torch.cat(nothing), torch.cat(whole)), np.concatenate([p.said for p in parts]))


def near_misses(captions: Captions, album: Album) -> NDArray[np.int64]:
    """For each caption the pictures that the towers put first, its own left out: (texts, 16)."""
    found = []
    for start in range(0, len(captions), PART):
        cosines = captions.heard[2][start : start + PART] @ album.seen[2].T
        rows = torch.arange(len(cosines))
        cosines[rows, (rows + start) % len(album)] = -torch.inf
        found.append(cosines.topk(NEAR, dim=1).indices)
    near: NDArray[np.int64] = torch.cat(found).numpy()
    return near


def fits(said: NDArray[np.bool_], asked: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each attribute that is said is there: (texts, 6), (texts, 6), (texts, pictures, 6) -> the latter."""
    right: NDArray[np.bool_] = (asked[:, None] == shown) | ~said[:, None]
    return right


def _half(heard: Heard) -> Heard:
    return heard[0].half(), heard[1], heard[2]


def _padded(heard: Heard, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    tokens, nothing, whole = heard
    more = longest - tokens.shape[1]
    return (
        torch.nn.functional.pad(tokens, (0, 0, 0, more)),
        torch.nn.functional.pad(nothing, (0, more), value=True),
        whole,
    )
