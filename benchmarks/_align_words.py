"""The text tower of `align.py`, learned in the run from captions alone: word vectors, and bags of words and pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

from benchmarks._align_vectors import Floats, table

Words = tuple[str, ...]
RARE = 3  # times that a word must occur to have a vector
SMOOTHING = 0.75  # of how often a word is met, as in word2vec
ENDINGS = (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"))


def words(text: str) -> Words:
    return tuple(_stem(word) for word in re.findall(r"[a-z]+", text.lower()))


def _stem(word: str) -> str:
    """Roughly: `dogs` and `dog`, `running` and `run` become one."""
    for ending, instead in ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    if word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2 and re.search("[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def sound_captions(data: Path) -> list[Words]:
    """AudioCaps and Clotho: what people say of sounds."""
    texts = [row["caption"] for row in table(data / "captions/AudioCaps_train.csv")]
    for name in ("Clotho_train", "Clotho_test"):
        for row in table(data / f"captions/{name}.csv"):
            texts += [row[f"caption_{number}"] for number in range(1, 6)]
    return [words(text) for text in texts]


@dataclass(frozen=True)
class WordVectors:
    """Words that are met in the same company are near each other: positive pointwise mutual information, then SVD."""

    places: dict[str, int]
    vectors: Floats  # (words, dim), unit rows
    weights: Floats  # (words,): log of one over the share of texts that a word is in

    @classmethod
    def learned(cls, texts: Sequence[Words], dim: int, window: int) -> WordVectors:
        met = Counter(word for text in texts for word in text)
        places = {word: place for place, word in enumerate(sorted(word for word, n in met.items() if n >= RARE))}
        gap = [-1] * window
        line = np.array([at for text in texts for at in (*(places.get(word, -1) for word in text), *gap)], np.int64)
        near = _company(line, window, len(places))
        rows, columns = np.asarray(near.sum(axis=1)).ravel(), np.asarray(near.sum(axis=0)).ravel() ** SMOOTHING
        shared = near.tocoo()
        information = np.log(shared.data / rows[shared.row] / (columns / columns.sum())[shared.col])
        kept = information > 0
        matrix = sparse.csr_matrix((information[kept], (shared.row[kept], shared.col[kept])), shape=near.shape)
        left, strength = _strongest(matrix, min(dim, len(places)))
        vectors = (left * np.sqrt(strength)).astype(np.float32)
        return cls(places, unit_rows(vectors), _rarity(texts, places))

    def of(self, texts: Sequence[Words]) -> Floats:
        """The mean of each text's words, rare ones counting more, (texts, dim), unit rows; all zeros: none is known."""
        counts = _counts(texts, self.places)
        return unit_rows(np.asarray(counts.multiply(self.weights[None]).tocsr() @ self.vectors, np.float32))


@dataclass(frozen=True)
class Bag:
    """Words and pairs of neighbouring words, the rare ones counting more, seen in their main directions."""

    places: dict[str, int]
    weights: Floats
    directions: Floats  # (terms, dim)

    @classmethod
    def learned(cls, texts: Sequence[Words], dim: int) -> Bag:
        terms = [_terms(text) for text in texts]
        met = Counter(term for text in terms for term in set(text))
        places = {term: place for place, term in enumerate(sorted(term for term, n in met.items() if n >= RARE))}
        bag = cls(places, _rarity(terms, places), np.zeros((len(places), 0), np.float32))
        directions, _ = _strongest(bag._whole(texts).T.tocsr(), min(dim, len(places)))
        return cls(places, bag.weights, directions.astype(np.float32))

    def of(self, texts: Sequence[Words]) -> Floats:
        return unit_rows(self._whole(texts) @ self.directions)

    def _whole(self, texts: Sequence[Words]) -> sparse.csr_matrix:
        counts = _counts([_terms(text) for text in texts], self.places)
        counts.data = 1 + np.log(counts.data)
        return counts.multiply(self.weights[None]).tocsr().astype(np.float32)


@dataclass(frozen=True)
class TextTower:
    """Captions as vectors: the company of their words, anywhere and in captions like these, and the words."""

    broad: WordVectors
    close: WordVectors
    bag: Bag

    @classmethod
    def learned(cls, all_texts: Sequence[Words], like_these: Sequence[Words]) -> TextTower:
        broad = WordVectors.learned([*all_texts, *like_these], dim=300, window=4)
        return cls(broad, WordVectors.learned(like_these, dim=150, window=8), Bag.learned(like_these, dim=400))

    def of(self, texts: Sequence[Words]) -> Floats:
        return np.concatenate([self.broad.of(texts), 0.7 * self.close.of(texts), 0.7 * self.bag.of(texts)], axis=1)


def unit_rows(rows: Floats) -> Floats:
    long: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return long


def _terms(text: Words) -> Words:
    return (*text, *(f"{one} {other}" for one, other in pairwise(text)))


def _rarity(texts: Sequence[Words], places: dict[str, int]) -> Floats:
    met = Counter(term for text in texts for term in set(text))
    return np.array([np.log((len(texts) + 1) / (met[term] + 1)) for term in places], np.float32)


def _counts(texts: Sequence[Words], places: dict[str, int]) -> sparse.csr_matrix:
    rows = [row for row, text in enumerate(texts) for term in text if term in places]
    columns = [places[term] for text in texts for term in text if term in places]
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), len(places)))


def _company(line: NDArray[np.int64], window: int, size: int) -> sparse.csr_matrix:
    """How often two words stand near each other, nearer ones counting more, both ways."""
    total = sparse.csr_matrix((size, size))
    for step in range(1, window + 1):
        one, other = line[:-step], line[step:]
        there = (one >= 0) & (other >= 0)
        pairs = sparse.csr_matrix((np.full(int(there.sum()), 1 / step), (one[there], other[there])), shape=(size, size))
        total = total + pairs + pairs.T
    return sparse.csr_matrix(total)


def _strongest(matrix: sparse.csr_matrix, dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first left singular vectors, (rows, dim), and how strong they are: by random projection, always the same."""
    found = np.random.default_rng(0).standard_normal((matrix.shape[1], dim + 20))
    for _ in range(5):
        found = np.linalg.qr(matrix.T @ np.linalg.qr(matrix @ found)[0])[0]
    base = np.linalg.qr(matrix @ found)[0]
    left, strength, _ = np.linalg.svd((matrix.T @ base).T, full_matrices=False)
    return (base @ left)[:, :dim], strength[:dim]
