"""`hearsee align heads`, `list` and `switch`: train heads on a library's own pairs, and choose which are live."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json, size, table, visible

if TYPE_CHECKING:
    from hearsee.core.head import Head, Heads
    from hearsee.core.settings import Settings
    from hearsee.indexer.align.recall import Estimate
    from hearsee.indexer.align.report import Report
    from hearsee.indexer.align.training import HeadRecipe
    from hearsee.indexer.switching import Switched

RUNS = "align"  # in a library's folder: checkpoint, report and curves of the last training
MADE_WITH_HEADS = {"calibration.json": "hearsee calibrate", "fusion.json": "hearsee eval --fusion"}


def align_heads(
    vectors: Annotated[
        Path | None,
        typer.Option("--vectors", metavar="DIR", help="Learn from image.npy, text.npy, … instead of a library."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Where report, curves and heads go. Else with the library."),
    ] = None,
    kind: Annotated[str, typer.Option("--head", help="mlp (with a residual layer) or linear.")] = "mlp",
    loss: Annotated[str, typer.Option("--loss", help="info_nce or sigmoid.")] = "info_nce",
    dim: Annotated[int | None, typer.Option("--dim", help="Of the shared space, with --vectors.")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="At most; it stops when validation no longer rises.")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", help="Groups told apart at once.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="How fast to learn.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides the split, the draws and the first weights.")] = 0,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    bfloat16: Annotated[bool, typer.Option("--bf16", help="Multiply in bfloat16.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Let torch compile the heads.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Start anew where a run was stopped.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Switch although the new heads are not better.")] = False,
    dry: Annotated[bool, typer.Option("--no-switch", help="Only train and report.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="What to call the new heads.")] = None,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train heads on the library's groups, report what they are worth, and switch to them where they are better.

    Vectors are read, media are not. A run that was stopped goes on from its last epoch.
    """
    from hearsee.core.errors import BadInput
    from hearsee.indexer.align.training import HeadRecipe

    settings = settings_from(library, database)
    if vectors is not None and out is None:
        raise BadInput("--vectors needs --out DIR: there is no library to put the heads into")
    given: dict[str, Any] = {"dim": dim, "epochs": epochs, "batch": batch, "rate": rate}
    recipe = HeadRecipe(
        start="best", kind=kind, loss=loss, seed=seed, device=_device(device), bfloat16=bfloat16, compiled=compiled,
        **{field: value for field, value in given.items() if value is not None},
    )  # fmt: skip
    folder = out or settings.library / RUNS
    heads, report = _trained(settings, vectors, recipe, folder, tensorboard=tensorboard, again=again)
    said: list[str] = []
    switched = None
    if vectors is not None:
        _keep(folder, heads)
        said.append(f"heads are in {folder}")
    elif dry:
        _keep(folder, heads)
        said.append(f"the old heads stay; the new ones are in {folder}: hearsee align switch --to {folder}")
    elif report.verdict == "better" or anyway:
        switched = _switch(settings, heads, name or f"trained, seed {seed}")
        said += _after(settings, switched)
    else:
        _keep(folder, heads)
        said.append(f"the old heads stay; --anyway switches, and the new ones are in {folder}")
    _forget_checkpoint(folder)
    if as_json:
        print_json({**_plain(report), "switched": switched is not None, "said": said, "folder": str(folder)})
        return
    show(report)
    for line in said:
        console().print(visible(line), style="dim")


def list_heads(library: LibraryOption = None, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List the heads that the library has, and which are live."""
    import json

    from hearsee.indexer.library import Library

    settings = settings_from(library, database)
    with Library.open(settings.library, settings.database) as opened:
        info = opened.info
        rows = [
            {
                "id": row.id, "name": row.name, "live": row.id == info.heads, "previous": row.id == info.heads_before,
                "generation": row.generation, "bytes": row.bytes, **json.loads(row.about),
            }
            for row in opened.catalog.heads()
        ]  # fmt: skip
        kinds = {m.value: opened.space.head(m).kind for m in sorted(opened.space.towers)}
    if as_json:
        print_json({"heads": rows, "kinds": kinds})
        return
    own = [(0, "own", "live", "", "", "those that come with the space")] if not rows else []
    cells = own + [
        (row["id"], row["name"], "live" if row["live"] else "previous" if row["previous"] else "", row["generation"],
         size(row["bytes"]), row.get("sentence", "")) for row in rows
    ]  # fmt: skip
    out = console()
    out.print(table("Heads", ("number", "name", "", "since", "size", "worth"), cells, right=(0, 3, 4)))
    out.print(", ".join(f"{modality}: {kind}" for modality, kind in kinds.items()), style="dim")


def switch_heads(
    to: Annotated[
        str, typer.Option("--to", help="previous, own, a number or name from the list, or a folder or file of heads.")
    ],
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make other heads live: vectors are projected again, and no media are read."""
    from hearsee.core.head import FILE, read_heads

    settings = settings_from(library, database)
    path = Path(to).expanduser()
    file = path / FILE if path.is_dir() else path
    found: Heads | str = read_heads(file) if file.is_file() else to
    switched = _switch(settings, found, f"from {path.name}")
    if as_json:
        print_json({"name": switched.name, "generation": switched.generation, "points": switched.points})
        return
    for line in _after(settings, switched):
        console().print(visible(line))


def show(report: Report) -> None:
    out = console()
    cuts = ("recall@1", "recall@5", "recall@10")
    rows: list[Sequence[object]] = []
    for direction in report.directions:
        for when, found in (("before", direction.before), ("after", direction.after), ("gain", direction.gain)):
            first = (direction.name, f"{direction.questions:,}") if when == "before" else ("", "")
            rows.append((*first, when, *(_interval(found[cut], signed=when == "gain") for cut in cuts)))
    out.print(table("On held-out groups", ("direction", "questions", "", *cuts), rows, right=(1, 3, 4, 5)))
    for note in report.notes:
        out.print(visible(note), style="yellow")
    lost = report.forgotten
    if lost is not None and lost.questions:
        kept = f"{lost.still_first:,} still come first, {lost.still_among_ten:,} among the first ten"
        out.print(f"Not forgotten: of {lost.questions:,} questions that the old heads answered at once, {kept}.")
    out.print(visible(report.sentence), style="bold")


def _interval(one: Estimate, *, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{one.value:{sign}.3f} ({one.low:{sign}.3f} – {one.high:{sign}.3f})"


def _trained(
    settings: Settings, vectors: Path | None, recipe: HeadRecipe, folder: Path, *, tensorboard: bool, again: bool
) -> tuple[Heads, Report]:
    from dataclasses import replace

    from hearsee.core.errors import NotFound
    from hearsee.indexer.align import curves
    from hearsee.indexer.align.data import split
    from hearsee.indexer.align.tables import library_table, vectors_table
    from hearsee.indexer.align.training import train_heads
    from hearsee.indexer.library import Library

    err = console(stderr=True)
    old: dict[str, Head] | None = None
    space, towers = "", {}
    if vectors is not None:
        found = vectors_table(vectors)
    else:
        with Library.open(settings.library, settings.database) as opened:
            found = library_table(opened)
            old = {modality.value: opened.space.head(modality) for modality in opened.space.towers}
            towers = {modality: tower.contract.fingerprint for modality, tower in opened.space.towers.items()}
            space, recipe = opened.space.fingerprint, replace(recipe, dim=opened.space.dim)
    if again:
        _forget_checkpoint(folder)
    watch = curves.tensorboard(folder) if tensorboard else lambda _: None
    heads, report = train_heads(
        split(found, recipe.seed), recipe, old=old, folder=folder, space=space, watch=watch,
        say=lambda line: err.print(visible(line)),
    )  # fmt: skip
    curves.write_report(folder, report)
    try:
        curves.draw_curves(folder, report)
    except NotFound as missing:
        err.print(visible(str(missing)), style="dim")
    return replace(heads, towers={m: towers[m] for m in heads.by_modality if m in towers}), report


def _switch(settings: Settings, to: Heads | str, name: str) -> Switched:
    from hearsee.api.writing import open_writer
    from hearsee.indexer.switching import found_heads

    with open_writer(settings) as writer:
        return writer.switch_heads(found_heads(writer.catalog, to) if isinstance(to, str) else to, name)


def _after(settings: Settings, switched: Switched) -> list[str]:
    """What was done, and what was found out with the old heads and says nothing of these."""
    done = (
        f"heads {switched.name!r} are live: {switched.points:,} vectors were projected again, no media read; "
        "back with: hearsee align switch --to previous"
    )
    stale = [
        f"{name} is of the old heads and is passed over with these; make it anew with: {command}"
        for name, command in MADE_WITH_HEADS.items()
        if (settings.library / name).is_file()
    ]
    return [done, *stale]


def _keep(folder: Path, heads: Heads) -> None:
    from hearsee.core.head import FILE, packed_heads
    from hearsee.indexer.files import make_folder, publish

    make_folder(folder)
    publish(folder, FILE, lambda sink: sink.write(packed_heads(heads)))


def _forget_checkpoint(folder: Path) -> None:
    from hearsee.indexer.align.checkpoint import Checkpoints

    Checkpoints(folder, {}, lambda _: None).clear()


def _device(name: str) -> str:
    import torch

    from hearsee.core.errors import BadInput

    if name not in ("cpu", "cuda"):
        raise BadInput(f"--device is {name!r}: use cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch sees no GPU here; use cpu")
    return name


def _plain(report: Report) -> dict[str, Any]:
    from hearsee.api.answers import plain

    found: dict[str, Any] = plain(report)
    return found
