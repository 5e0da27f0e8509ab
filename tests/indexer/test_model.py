"""Whatever is done to a library, in whatever order, it answers as a dictionary and a matrix product would."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from hearsee.core.modality import Modality
from hearsee.core.where import parse_where
from hearsee.indexer.batch import Batch
from hearsee.indexer.catalog import NewFields
from hearsee.indexer.gallery import Ids
from hearsee.indexer.library import Library
from hearsee.indexer.verify import verify
from hearsee.indexer.writer import Writer
from tests.indexer.stock import SOURCE, SPACE, add, vectors

URIS = [f"file:///{n}" for n in range(12)]
MODALITIES = dict(zip(URIS, [Modality.IMAGE, Modality.AUDIO, Modality.TEXT] * 4, strict=True))
QUERIES = vectors("questions", 0, 3)
Uris = st.lists(st.sampled_from(URIS), min_size=1, max_size=5, unique=True)


class LibraryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()) / "library"
        self.held: dict[str, tuple[int, int]] = {}  # URI -> version of its vectors, points
        self.colours: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        self.version = 0
        self.writer = Writer.open(self.folder, space=SPACE)
        self.library = Library.open(self.folder)

    def teardown(self) -> None:
        self.writer.close()
        self.library.close()
        assert verify(self.folder).problems == ()
        shutil.rmtree(self.folder.parent)

    @rule(uris=Uris, points=st.integers(1, 3))
    def put(self, uris: list[str], points: int) -> None:
        """Adds what is new and replaces what is there."""
        self.version += 1
        self.writer.commit(Batch([add(uri, self.version, points, MODALITIES[uri]) for uri in uris]))
        for uri in uris:
            self.held[uri] = (self.version, points)
            self.colours.pop(uri, None)
            known = self.writer.catalog.find([uri])[uri].id
            assert self.ids.setdefault(uri, known) == known  # an id stays as long as its item

    @rule(uris=Uris, colour=st.sampled_from(["red", "blue"]))
    def describe(self, uris: list[str], colour: str) -> None:
        chosen = [uri for uri in uris if uri in self.held]
        fields = [NewFields(uri, SOURCE, metadata={"version": 0, "colour": colour}) for uri in chosen]
        self.writer.commit(Batch(fields=fields))
        self.colours.update(dict.fromkeys(chosen, colour))

    @rule(uris=Uris)
    def remove(self, uris: list[str]) -> None:
        chosen = [uri for uri in uris if uri in self.held]
        self.writer.remove(chosen)
        for uri in chosen:
            del self.held[uri], self.ids[uri]
            self.colours.pop(uri, None)

    @rule()
    def compact(self) -> None:
        self.writer.compact()

    @rule()
    def build_shards(self) -> None:
        self.writer.build_shards()

    @rule()
    def reopen(self) -> None:
        self.writer.close()
        self.library.close()
        self.writer = Writer.open(self.folder, space=SPACE, create=False)
        self.library = Library.open(self.folder)

    @precondition(lambda self: self.held)
    @rule(k=st.integers(1, 15), colour=st.sampled_from(["red", "blue"]))
    def filter(self, k: int, colour: str) -> None:
        allowed = self.library.catalog.allowed(parse_where({"colour": colour}))
        self.agree(k, {uri for uri, said in self.colours.items() if said == colour}, allowed)

    @rule(k=st.integers(1, 15))
    def search(self, k: int) -> None:
        self.agree(k, set(self.held), None)

    @invariant()
    def every_item_is_there(self) -> None:
        assert sum(part.items for part in self.library.snapshot().parts.values()) == len(self.held)
        self.agree(len(URIS), set(self.held), None)

    def agree(self, k: int, among: set[str], allowed: Ids | None) -> None:
        parts = self.library.snapshot().parts
        for modality in Modality:
            found = parts[modality].nearest(QUERIES, k, allowed) if modality in parts else [[] for _ in QUERIES]
            for query, near in zip(QUERIES, found, strict=True):
                expected = self.brute(query, [uri for uri in among if MODALITIES[uri] == modality])[:k]
                assert [item for _, item, _ in near] == [item for _, item in expected]
                assert np.allclose([score for score, _, _ in near], [score for score, _ in expected], atol=1e-5)

    def brute(self, query: NDArray[np.float32], uris: list[str]) -> list[tuple[float, int]]:
        scored = []
        for uri in uris:
            rows = vectors(uri, *self.held[uri]).astype(np.float64)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            scored.append((float((rows @ query).max()), self.ids[uri]))
        return sorted(scored, key=lambda pair: (-pair[0], pair[1]))


TestLibraryMachine = LibraryMachine.TestCase
TestLibraryMachine.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
