"""`hearsee calibrate`: learn what the library's cosines are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hearsee.core.settings import Settings
    from hearsee.search.calibration.naming import Naming
    from hearsee.search.calibration.pair import PairCalibration
    from hearsee.search.calibration.reliability import Bin
    from hearsee.search.calibration.stored import Calibration


def calibrate(
    relevant_by: Annotated[
        list[str] | None,
        typer.Option(
            "--relevant-by",
            metavar="KEYS",
            help="Right is what has equal metadata: thing,count, or text->image=thing,colour; may repeat. Else groups.",
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE", help="Right is what a line here names together: two URIs, a tab."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option("--names", metavar="KEY", help="Instead: chances for `hearsee label`; KEY holds items' names."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", help="At most this many questions a pair, or named items a kind.")
    ] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Of the questions drawn and of the folds.")] = 0,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the chance that a hit is relevant, for every pair of kinds, or that a name is right; the library keeps it."""
    settings, keys = settings_from(library, database), _keys(relevant_by or [])
    if names is not None:
        _calibrate_names(settings, names, limit, seed, as_json=as_json, alone=keys is None and pairs is None)
        return
    from hearsee.api.bars import bars
    from hearsee.api.writing import open_writer
    from hearsee.search import open_library
    from hearsee.search.calibration.fit import calibrate as fit
    from hearsee.search.calibration.stored import save_calibration

    _check(seed)
    # The writer first: nothing may be committed between what is measured and what is kept.
    with (
        open_writer(settings) as writer,
        open_library(settings.library, settings.database, settings=settings) as opened,
        bars("questions", quiet=as_json) as shown,
    ):
        tasks = {}

        def go_on(pair: str, done: int, total: int) -> None:
            if pair not in tasks:
                tasks[pair] = shown.add_task(pair, total=total)
            shown.update(tasks[pair], completed=done)

        found = fit(opened, relevant_by=keys, pairs=_pairs(pairs), limit=limit, seed=seed, progress=go_on)
        save_calibration(writer, found)
    if as_json:
        print_json(found.as_dict())
    else:
        show(found)


def _calibrate_names(settings: Settings, key: str, limit: int, seed: int, *, as_json: bool, alone: bool) -> None:
    from hearsee.api.writing import open_writer
    from hearsee.core.errors import BadInput
    from hearsee.search import open_library
    from hearsee.search.calibration.naming import save_naming
    from hearsee.search.calibration.naming_fit import fit_names

    if not alone:
        raise BadInput(f"--names {key} fits chances of names only: give --relevant-by or --pairs in a call of its own")
    _check(seed)
    with open_writer(settings) as writer, open_library(settings.library, settings.database, settings=settings) as read:
        found = fit_names(read, key, limit=limit, seed=seed)
        save_naming(writer, found)
    if as_json:
        print_json(found.as_dict())
    else:
        show_names(found)


def show_names(found: Naming) -> None:
    out = console()
    columns = ("kind", "items", "names", "right", "error", "by")
    rows = [
        (kind, f"{one.items:,}", f"{one.names:,}", f"{one.right:.3f}", f"{one.error:.3f}", one.method)
        for kind, one in found.kinds.items()
    ]
    out.print(table(f"Names by {found.key}", columns, rows, right=range(1, 5)))
    _show_tables(
        "Of best names given such a chance, this share was right", {n: k.table for n, k in found.kinds.items()}
    )
    out.print(f"{found.population[0].upper()}{found.population[1:]}.", style="dim")
    out.print(
        "right: share of items whose best name is their own among all the names; error: expected calibration error on "
        "items of held-out names.",
        style="dim",
    )


def show(found: Calibration) -> None:
    out = console()
    columns = ("pair", "questions", "error", "best hit's", "lost", "told", "by", "right is")
    rows = [(name, *_cells(pair), f"the same {found.relevant_by[name]}") for name, pair in found.pairs.items()]
    out.print(table("Calibrated", columns, rows, right=range(1, 6)))
    _show_tables(
        "Of hits given such a chance, this share was right", {name: one.table for name, one in found.pairs.items()}
    )
    _show_tables("The same of the best hit of each list", {name: one.best_table for name, one in found.pairs.items()})
    out.print(f"{found.population[0].upper()}{found.population[1:]}.", style="dim")
    out.print(
        "error: expected calibration error on held-out questions, over all hits and over best hits; lost and told: "
        "shares of answerable and of unanswerable questions told `nothing close`.",
        style="dim",
    )


def _check(seed: int) -> None:
    from hearsee.core.errors import BadInput

    if seed < 0:
        raise BadInput(f"--seed is {seed}: it must be 0 or more")


FEWEST_HITS = 20  # of a share that is shown
TENTHS = tuple(f"{low}-{low + 10} %" for low in range(0, 100, 10))


def _cells(pair: PairCalibration) -> tuple[str, ...]:
    return (
        f"{pair.questions:,}", f"{pair.error:.3f}", f"{pair.first_error:.3f}",
        f"{pair.lost:.3f}", f"{pair.told:.3f}", pair.method,
    )  # fmt: skip


def _show_tables(title: str, tables: Mapping[str, Sequence[Bin]]) -> None:
    """One row for each table; a share of a few hits would say nothing."""
    rows = []
    for name, bins in tables.items():
        shares = {round(one.low * 10): f"{one.true:.0%}" for one in bins if one.hits >= FEWEST_HITS}
        rows.append([name, *(shares.get(tenth, "") for tenth in range(10))])
    out = console()
    out.print(table(title, ("", *TENTHS), rows))
    if any(one.hits < FEWEST_HITS for bins in tables.values() for one in bins):
        out.print(f"A cell of fewer than {FEWEST_HITS} hits is left empty.", style="dim")


def _pairs(file: Path | None) -> list[tuple[str, str]] | None:
    """Two URIs a line, with a tab between them; empty lines do not count."""
    from hearsee.core.errors import BadInput

    if file is None:
        return None
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadInput(f"--pairs {file}: it is not UTF-8 text") from None
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip()]
    for number, row in rows:
        if len(row) != 2:
            raise BadInput(f"--pairs {file}: line {number} must be two URIs with a tab between them")
    return [(row[0].strip(), row[1].strip()) for _, row in rows]


def _keys(given: Sequence[str]) -> list[str] | dict[str, list[str]] | None:
    """One list for all directions, or one for each that is named."""
    from hearsee.core.errors import BadInput

    if not given:
        return None
    by = [(direction.strip(), parse_names(names)) for direction, _, names in (one.rpartition("=") for one in given)]
    if all(direction for direction, _ in by):
        return {direction: names or [] for direction, names in by}
    if len(by) > 1:
        raise BadInput("--relevant-by is given several times: name a direction in each, like text->image=thing,colour")
    return by[0][1]
