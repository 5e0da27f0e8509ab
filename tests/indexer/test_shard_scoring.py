"""Numbers are what they were, however quickly they are read."""

from __future__ import annotations

import numpy as np

from hearsee.indexer.shards.scoring import floats


def test_every_float16_that_is_finite_comes_out_as_it_is() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]  # the smallest, both zeros and both signs among them
    assert floats(finite).tobytes() == finite.astype(np.float32).tobytes()
    assert floats(finite.reshape(-1, 8)[::2]).shape == (len(finite) // 16, 8)
