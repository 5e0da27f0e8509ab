"""`hearsee eval --fusion`: what every way to fuse is worth on a library, and which is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hearsee.api.terminal import console, print_json, table, visible

if TYPE_CHECKING:
    from hearsee.core.settings import Settings
    from hearsee.search.evaluate.ladder import Ladder

QUESTIONS = 1000  # groups asked for each mix, half of them to choose by


def ladder(settings: Settings, keys: list[str] | None, limit: int | None, seed: int, *, as_json: bool) -> None:
    """Measure every way to fuse on every mix, and keep what won beside the library."""
    from hearsee.api.bars import bars
    from hearsee.core.errors import BadInput, Busy
    from hearsee.indexer.choices import FILE, Choices, keep, packed_choices
    from hearsee.indexer.library import Library
    from hearsee.search.evaluate.groups import library_groups
    from hearsee.search.evaluate.ladder import climb
    from hearsee.search.fusion import find_learned

    with Library.open(settings.library, settings.database) as opened, bars("mixes", quiet=as_json) as shown:
        generation = opened.snapshot().generation
        groups, answers = library_groups(opened, keys)
        task = shown.add_task("fusion", total=None)
        found = climb(
            groups, answers, find_learned(opened.folder, opened.space), limit=limit or QUESTIONS, seed=seed,
            progress=lambda name, done, total: shown.update(task, description=name, completed=done, total=total),
        )  # fmt: skip
        fingerprint = opened.space.fingerprint
    if not found.rungs:
        raise BadInput(
            f"nothing to measure in library {settings.library}: fusion needs at least 20 groups with items of three "
            "modalities (or several of one); index a table with a `group` column, or name keys with --relevant-by"
        )
    kept = f"what won is kept in {settings.library / FILE}; searches use it from their next opening on"
    try:
        content = packed_choices(Choices(fingerprint, generation, tuple(found.choices)))
        keep(settings.library, FILE, content)
    except (Busy, OSError) as error:
        kept = f"what won is not kept: {error}"
    if as_json:
        print_json({"rows": [rung.as_dict() for rung in found.rungs], "kept": kept, "choices": chosen_rows(found)})
        return
    show_ladder(found)
    console().print(visible(kept), style="dim")


def chosen_rows(found: Ladder) -> list[dict[str, Any]]:
    return [choice.as_dict() for choice in found.choices]


def show_ladder(found: Ladder) -> None:
    from hearsee.search.evaluate.ladder import kept_as

    winners = {(choice.as_dict()["mix"], choice.wanted.value): kept_as(choice.method) for choice in found.choices}
    rows = [
        (
            rung.mix, rung.wanted, f"{rung.corrupted:.0%}", rung.method,
            "kept" if winners[rung.mix, rung.wanted] == rung.method else "",
            *(f"{one.value:.3f} ({one.low:.3f}–{one.high:.3f})" for one in rung.metrics.values()),
        )
        for rung in found.rungs
    ]  # fmt: skip
    console().print(table("Fusion", ("parts", "wanted", "made worse", "way", "", "R@1", "R@10"), rows, right=(2, 5, 6)))
    console().print(
        "on the half of the groups that chose nothing, each with its 95 % interval; made worse: one part of so many "
        "questions is swapped for a wrong one or drowned; guarded: attention is heard only where it doubts a part; "
        "late: every part is answered by itself and the lists are merged",
        style="dim",
    )
