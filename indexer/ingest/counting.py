"""How many entries there are, found out beside the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from hearsee.core.errors import HearseeError
from hearsee.indexer.corpus import Source

logger = logging.getLogger(__name__)


class Counting:
    """Lists the sources once more in a thread of its own; `total` is none until that is done, or if it cannot be."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.total: int | None = None
        self._stopped = False
        self._thread: threading.Thread | None = None
        if all(source.count is not None or source.again is not None for source in sources):
            self._thread = threading.Thread(target=self._run, args=(sources,), name="counter", daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._stopped = True
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self, sources: Sequence[Source]) -> None:
        total = 0
        try:
            for source in sources:
                if source.count is not None:
                    total += source.count
                    continue
                for _ in source.again() if source.again is not None else ():
                    total += 1
                    if self._stopped:
                        return
        except (OSError, HearseeError) as error:  # the run itself says what is wrong
            logger.debug("not counted: %s", error)
        else:
            self.total = total
