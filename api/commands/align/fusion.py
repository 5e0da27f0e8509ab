"""`hearsee align fusion`: learn whom to trust among a query's parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.commands.align.runs import SeedOption, StepsOption
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table, visible

if TYPE_CHECKING:
    from hearsee.core.fuser import Learned
    from hearsee.core.settings import Settings
    from hearsee.core.space import Space
    from hearsee.indexer.align.mixes import Groups

TOYBOX_SEED = 3_000_000  # far from those of the towers and of the benchmarks
TOYBOX_GROUPS = 3000


def align_fusion(
    toybox: Annotated[
        Path | None, typer.Option("--toybox", metavar="DIR", help="Learn from the toybox instead; weights go there.")
    ] = None,
    groups: Annotated[int, typer.Option("--groups", help="Toybox groups to learn from.")] = TOYBOX_GROUPS,
    relevant_by: Annotated[
        str | None, typer.Option("--relevant-by", metavar="KEYS", help="Right is what has equal metadata. Else groups.")
    ] = None,
    rechoose: Annotated[
        bool, typer.Option("--rechoose", help="With --toybox: keep what DIR has learned, choose anew where it is used.")
    ] = False,
    steps: StepsOption = None,
    seed: SeedOption = 0,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn whom to trust among a query's parts, from the library's groups or the toybox's."""
    from hearsee.core.errors import BadInput
    from hearsee.core.fuser import FILE, packed
    from hearsee.indexer.align.fusion import FusionRecipe, learn_fusion
    from hearsee.indexer.choices import keep

    if (steps is not None and steps < 1) or groups < 1 or seed < 0:
        raise BadInput(f"--steps {steps}, --groups {groups}, --seed {seed}: steps and groups from 1, the seed from 0")
    recipe = FusionRecipe(seed=seed) if steps is None else FusionRecipe(seed=seed, steps=steps)
    settings = settings_from(library, database)
    if rechoose:
        _rechoose(toybox, groups, seed, as_json=as_json)
        return
    if toybox is None:
        space, train, check = _from_library(settings, parse_names(relevant_by), seed)
    else:
        space, train, check = _from_toybox(groups, seed)
    err = console(stderr=True)
    learned = learn_fusion(space, train, check, recipe, lambda line: err.print(visible(line)))
    if toybox is None:
        keep(settings.library, FILE, packed(learned))
        place = settings.library
    else:
        _write_toybox(toybox, learned, check)
        place = toybox
    if as_json:
        print_json({"weights": str(place / FILE), **dict(learned.about)})
        return
    rows = [(method, f"{value:.3f}") for method, value in learned.about["validation"]["recall@1"].items()]
    console().print(table(f"Validation, weights in {place / FILE}", ("way", "R@1"), rows, right=(1,)))
    if toybox is None:
        console().print("hearsee eval --fusion decides where they are used", style="dim")


def _from_library(settings: Settings, keys: list[str] | None, seed: int) -> tuple[Space, Groups, Groups]:
    """Four fifths of the groups to learn from, the rest to choose by."""
    import numpy as np

    from hearsee.indexer.align.mixes import chosen
    from hearsee.indexer.library import Library
    from hearsee.search.evaluate.groups import library_groups

    with Library.open(settings.library, settings.database) as opened:
        groups, _ = library_groups(opened, keys)
        order = np.random.default_rng(seed).permutation(len(groups))
        fifth = len(groups) // 5
        return opened.space, chosen(groups, order[fifth:]), chosen(groups, order[:fifth])


def _from_toybox(groups: int, seed: int) -> tuple[Space, Groups, Groups]:
    from hearsee.core.space import load_space
    from hearsee.toybox.mixes import toybox_groups

    space = load_space("toybox")
    train = toybox_groups(space, "train", groups, TOYBOX_SEED + seed)
    return space, train, _toybox_check(space, groups, seed)


def _toybox_check(space: Space, groups: int, seed: int) -> Groups:
    from hearsee.toybox.mixes import toybox_groups

    return toybox_groups(space, "validation", max(100, groups // 4), TOYBOX_SEED + seed)


def _rechoose(folder: Path | None, groups: int, seed: int, *, as_json: bool) -> None:
    """What wins on the validation split with weights that were learned before."""
    from hearsee.core.errors import BadInput
    from hearsee.core.fuser import FILE, read_learned
    from hearsee.core.space import load_space

    if folder is None or not (folder / FILE).is_file():
        raise BadInput(f"--rechoose needs --toybox DIR with a {FILE} in it: for a library run `hearsee eval --fusion`")
    space = load_space("toybox")
    learned = read_learned(folder / FILE, space.fingerprint, space.dim)
    _write_toybox(folder, learned, _toybox_check(space, groups, seed))
    if as_json:
        print_json({"weights": str(folder / FILE), "validation": max(100, groups // 4)})
        return
    console().print(visible(f"{folder / FILE} stays; where it is used was chosen anew"))


def _write_toybox(folder: Path, learned: Learned, check: Groups) -> None:
    """The weights, and what won on the validation split, as the space ships them."""
    from hearsee.core.fuser import FILE as WEIGHTS
    from hearsee.core.fuser import packed
    from hearsee.indexer.choices import FILE, Choices, packed_choices
    from hearsee.search.evaluate.ladder import answers_apart, climb

    found = climb(check, answers_apart(check), learned, limit=len(check))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(packed(learned))
    (folder / FILE).write_bytes(packed_choices(Choices(learned.space, 0, tuple(found.choices))))
