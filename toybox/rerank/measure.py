"""What the second look is worth: first answers right, and nDCG@10, before and after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hearsee.toybox.measure import RESAMPLES
from hearsee.toybox.rerank.features import Senses
from hearsee.toybox.rerank.lessons import Album, Captions, fits, full_captions, partial_captions
from hearsee.toybox.rerank.reader import THING, Reader, fit

FIRST = 30  # pictures that are looked at again
CUT = 10


def measure(reader: Reader, senses: Senses, album: Album, seed: int) -> dict[str, Any]:
    """Recall@1 and nDCG@10 of words asking for pictures, by what captions say: everything, or some of it."""
    rng = np.random.default_rng(seed)
    return {
        "all said": _figures(reader, full_captions(senses, album.scenes, rng, clumsy=False), album),
        "some said": _figures(reader, partial_captions(senses, album.scenes, rng, clumsy=False), album),
    }


def _figures(reader: Reader, captions: Captions, album: Album) -> dict[str, Any]:
    everyone = np.arange(len(album))
    tokens, nothing, whole = captions.rows(everyone)
    cosines = whole @ album.seen[2].T
    near, first = cosines.topk(min(FIRST, len(album)), dim=1)
    with torch.inference_mode():
        said = reader.hear(tokens, nothing)
        seen = torch.cat([reader.see(*album.rows(part)) for part in np.array_split(everyone, 1 + len(album) // 100)])
        odds = reader(said[:, None].expand(-1, first.shape[1], -1, -1), seen[first], near)
        again = first.gather(1, fit(odds).argsort(dim=1, descending=True, stable=True))
    shown = album.attributes
    right = fits(captions.said, shown, shown[None])  # (texts, pictures, 6)
    # A picture is worth the number of things said that it shows, if it shows the thing.
    worth = (right & captions.said[:, None]).sum(axis=2) * right[:, :, THING]
    whole_right = right.all(axis=2)
    orders = {"towers": first.numpy(), "looked at again": again.numpy()}
    return {
        "first ones with the answer among them": float(
            np.take_along_axis(whole_right, orders["towers"], axis=1).any(axis=1).mean()
        ),
        **{
            name: {
                "recall@1": _interval(np.take_along_axis(whole_right, order[:, :1], axis=1)[:, 0]),
                f"ndcg@{CUT}": _interval(_ndcg(np.take_along_axis(worth, order[:, :CUT], axis=1), worth)),
            }
            for name, order in orders.items()
        },
        "attributes judged right": float(
            ((odds.numpy() > 0) == np.take_along_axis(right, orders["towers"][..., None], axis=1)).mean()
        ),
    }


def _ndcg(found: NDArray[np.int64], worth: NDArray[np.int64]) -> NDArray[np.float64]:
    discount = 1 / np.log2(np.arange(2, CUT + 2))[: found.shape[1]]
    best = -np.sort(-worth, axis=1)[:, : found.shape[1]]
    shares: NDArray[np.float64] = (found @ discount) / np.maximum(best @ discount, 1e-9)
    return shares


def _interval(values: NDArray[Any]) -> dict[str, float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}
