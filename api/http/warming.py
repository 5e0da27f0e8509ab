"""Getting ready: what the first questions would wait for is loaded before the service calls itself ready."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from hearsee.core.errors import BadInput, HearseeError
from hearsee.core.modality import Modality
from hearsee.search import Searcher

log = logging.getLogger(__name__)
RATE = 16_000  # samples a second of the sound that is asked with


class Warming:
    """Asks a question of each kind in a thread of its own; whoever wants to know is told how that went."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._failed: str | None = None
        self._done = False

    def start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._warm, name="warming")
                self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def missing(self) -> str | None:
        """Why the service is not ready; what failed is tried again, for it may have been mended meanwhile."""
        if self._done:
            return None
        failed = self._failed
        self.start()
        return failed or "the towers are being loaded: ask again in a few seconds"

    def _warm(self) -> None:
        if self._done:
            return
        try:
            for question in self._questions():
                with suppress(BadInput):  # nothing like that can be asked here, so nothing waits for it
                    self._searcher.search(**question, k=1)
        except HearseeError as error:
            self._failed = str(error)
            log.warning("the first search failed: %s", error)
        except Exception as error:  # a driver or a model that is broken
            self._failed = f"{type(error).__name__} in the first search; the log of the service says more"
            log.exception("the first search failed")
        else:
            self._done = True

    def _questions(self) -> list[dict[str, Any]]:
        """One for each tower that a question to this library needs: words, and what it holds."""
        held = self._searcher.library.catalog.stats()["items"]
        tone = np.sin(np.arange(RATE, dtype=np.float32) / 10)
        asked: dict[Modality, Any] = {
            Modality.TEXT: "hello",
            Modality.IMAGE: Image.linear_gradient("L"),
            Modality.AUDIO: (tone, RATE),
        }
        return [
            {modality.value: asked[modality]}
            for modality in self._searcher.space.towers
            if modality is Modality.TEXT or held.get(modality.value)
        ]
