"""`hearsee align edits`: learn what words such as "blue" change, and what steering away from them takes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table, visible

SEED = 6_000_000  # far from those of the towers, of fusion and of the benchmarks
PAIRS = 2500


def align_edits(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the weights go.")] = Path(
        "toybox-edits"
    ),
    towers: Annotated[
        Path | None, typer.Option("--towers", metavar="DIR", help="The towers to learn on, else those that ship.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", help="Pairs of toybox scenes to learn from.")] = PAIRS,
    steps: Annotated[int | None, typer.Option("--steps", help="How long to learn.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides the scenes and the first weights.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Learn edits ("but blue") and steering away ("not blue") on toybox scenes that differ in one thing or two."""
    from hearsee.core.edits import FILE
    from hearsee.core.errors import BadInput
    from hearsee.core.fuser import packed
    from hearsee.indexer.align.edits import EditsRecipe, learn_edits
    from hearsee.toybox.edits import toybox_facts
    from hearsee.toybox.space import toybox_space
    from hearsee.toybox.towers.encoders import WEIGHTS

    if (steps is not None and steps < 1) or pairs < 1 or seed < 0:
        raise BadInput(f"--steps {steps}, --pairs {pairs}, --seed {seed}: steps and pairs from 1, the seed from 0")
    recipe = EditsRecipe(seed=seed) if steps is None else EditsRecipe(seed=seed, steps=steps)
    space = toybox_space(towers or WEIGHTS)
    facts = toybox_facts(space, "train", pairs, SEED + seed)
    check = toybox_facts(space, "validation", max(50, pairs // 5), SEED + seed)
    told = console(stderr=True)
    learned = learn_edits(space, facts, check, recipe, lambda line: told.print(visible(line)))
    out.mkdir(parents=True, exist_ok=True)
    (out / FILE).write_bytes(packed(learned))
    found = learned.about["validation"]
    if as_json:
        print_json({"weights": str(out / FILE), **dict(learned.about)})
        return
    rows = [
        ("edits: the right one first", f"{found['edit']:.3f}"),
        ("steering away: share of what is still wanted, less what is left of the unwanted", f"{found['without']:.3f}"),
    ]
    console().print(table(f"Validation, weights in {out / FILE}", ("what", "score"), rows, right=(1,)))
