"""`hearsee align edits`: learn what words such as "blue" change, and what steering away from them takes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.commands.align.runs import SeedOption, StepsOption
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table, visible

if TYPE_CHECKING:
    from hearsee.core.settings import Settings
    from hearsee.indexer.align.edits import EditsRecipe
    from hearsee.search.evaluate.edited import Verdict
    from hearsee.search.evaluate.learning import Lived

SEED = 6_000_000  # far from those of the towers, of fusion and of the benchmarks
PAIRS = 2500
ROLES = {"edit": "edits: the right one first", "without": "steering away: what is wanted, of hits without the unwanted"}


def align_edits(
    toybox: Annotated[
        Path | None,
        typer.Option("--toybox", "--out", "-o", metavar="DIR", help="Learn from the toybox instead; weights go there."),
    ] = None,
    towers: Annotated[
        Path | None, typer.Option("--towers", metavar="DIR", help="The toybox's towers, else those that ship.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", help="Pairs of toybox scenes to learn from.")] = PAIRS,
    keys: Annotated[
        str | None, typer.Option("--keys", metavar="KEYS", help="Metadata to learn from. Else all that vectors tell.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also replace what the library's space ships, where that does worse here.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Drop what the library has learned before.")] = False,
    steps: StepsOption = None,
    seed: SeedOption = 0,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn edits ("but blue") and steering away ("not blue") from things whose metadata differ in one value."""
    from hearsee.core.errors import BadInput
    from hearsee.indexer.align.edits import EditsRecipe

    if (steps is not None and steps < 1) or pairs < 1 or seed < 0:
        raise BadInput(f"--steps {steps}, --pairs {pairs}, --seed {seed}: steps and pairs from 1, the seed from 0")
    recipe = EditsRecipe(seed=seed) if steps is None else EditsRecipe(seed=seed, steps=steps)
    if toybox is not None:
        _from_toybox(toybox, towers, pairs, recipe, as_json=as_json)
    elif forget:
        _forget(settings_from(library, database), as_json=as_json)
    else:
        _from_library(settings_from(library, database), parse_names(keys), recipe, replace=replace, as_json=as_json)


def _from_library(
    settings: Settings, keys: list[str] | None, recipe: EditsRecipe, *, replace: bool, as_json: bool
) -> None:
    """What is surely better on things that nothing was learned from is kept with the library, and nothing else."""
    from hearsee.core.edits import FILE
    from hearsee.core.fuser import packed
    from hearsee.indexer.choices import keep
    from hearsee.indexer.library import Library
    from hearsee.search.evaluate.learning import edits_of_library

    told = console(stderr=True)
    with Library.open(settings.library, settings.database) as opened:
        found = edits_of_library(opened, keys, recipe, lambda line: told.print(visible(line)), over_shipped=replace)
    if found.learned is not None:
        keep(settings.library, FILE, packed(found.learned))
    if as_json:
        print_json({"weights": str(settings.library / FILE) if found.learned else None, **found.as_dict()})
        return
    _show(settings, found)


def _show(settings: Settings, found: Lived) -> None:
    rows = [
        (
            ROLES[one.role], f"{one.questions:,}", f"{one.before:.3f}", f"{one.after:.3f}",
            f"{one.after - one.before:+.3f} ({one.low:+.3f} to {one.high:+.3f})", _live(found, one),
        )
        for one in found.verdicts.values()
    ]  # fmt: skip
    title = f"{found.things:,} things, {', '.join(found.keys)}; on {found.held_out:,} that nothing was learned from"
    columns = ("what", "questions", "now", "learned", "gain, 95 %", "goes live")
    console().print(table(title, columns, rows, right=(1, 2, 3, 4)))
    kept = "searches use it from their next opening on; `hearsee align edits --forget` takes it back"
    console().print(visible(kept if found.learned else f"nothing changes in {settings.library}"), style="dim")


def _live(found: Lived, one: Verdict) -> str:
    if one.role in found.live:
        return "yes"
    return "no: what ships knows more words (--replace)" if one.better else "no"


def _forget(settings: Settings, *, as_json: bool) -> None:
    from hearsee.core.edits import FILE
    from hearsee.indexer.choices import drop
    from hearsee.indexer.library import Library

    with Library.open(settings.library, settings.database):
        dropped = drop(settings.library, FILE)
    if as_json:
        print_json({"dropped": dropped})
        return
    console().print("dropped what was learned here" if dropped else "nothing was learned here")


def _from_toybox(out: Path, towers: Path | None, pairs: int, recipe: EditsRecipe, *, as_json: bool) -> None:
    from hearsee.core.edits import FILE
    from hearsee.core.fuser import packed
    from hearsee.indexer.align.edits import learn_edits
    from hearsee.toybox.edits import toybox_facts
    from hearsee.toybox.space import toybox_space
    from hearsee.toybox.towers.encoders import WEIGHTS

    space = toybox_space(towers or WEIGHTS)
    facts = toybox_facts(space, "train", pairs, SEED + recipe.seed)
    check = toybox_facts(space, "validation", max(50, pairs // 5), SEED + recipe.seed)
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
