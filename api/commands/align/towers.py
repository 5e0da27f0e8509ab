"""`hearsee align towers`: train the towers themselves on pairs, into a new space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.commands.align.runs import (
    LOSSES,
    AgainOption,
    BatchOption,
    BfloatOption,
    ChunkOption,
    CompileOption,
    ConsistencyOption,
    DeviceOption,
    DropoutOption,
    LossOption,
    PairsOption,
    PatienceOption,
    RateOption,
    SeedOption,
    TensorboardOption,
    forget_checkpoint,
    plain_report,
    say,
    show,
    usable,
    write_and_draw,
)
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, parse_names, settings_from
from hearsee.api.terminal import console, print_json, visible

if TYPE_CHECKING:
    from hearsee.core.settings import Settings
    from hearsee.indexer.align.tuning import TowerRecipe, TrainedTowers


def align_towers(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the new space goes.")] = Path("tuned"),
    rank: Annotated[
        int | None, typer.Option("--low-rank", metavar="RANK", help="Learn small updates of layers; 8 unless said.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Learn all weights, end to end.")] = False,
    towers: Annotated[
        str | None, typer.Option("--towers", help="Which learn, as image,text; else all that have pairs.")
    ] = None,
    pairs: PairsOption = None,
    space: Annotated[
        str | None, typer.Option("--space", metavar="NAME", help="With --table and no library: whose towers learn.")
    ] = None,
    loss: LossOption = "infonce",
    epochs: Annotated[int | None, typer.Option("--epochs", help="How often to go over the pairs, at most.")] = None,
    patience: PatienceOption = None,
    batch: BatchOption = None,
    chunk: ChunkOption = None,
    rate: RateOption = None,
    dropout: DropoutOption = None,
    consistency: ConsistencyOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
    bfloat16: BfloatOption = False,
    compiled: CompileOption = False,
    tensorboard: TensorboardOption = False,
    again: AgainOption = False,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train towers on a library's groups, low rank or whole, into a folder that `hearsee index --space` takes.

    Media are read once. The library stays as it is: `hearsee space add` fills the new space beside its own.
    """
    from hearsee.core.errors import BadInput
    from hearsee.indexer.align.gathered import together
    from hearsee.indexer.align.tuned_space import check_out, write_tuned
    from hearsee.indexer.align.tuning import TowerRecipe

    if whole and rank is not None:
        raise BadInput("--whole learns all weights and --low-rank few: give one of them")
    if space is not None and pairs is None:
        raise BadInput("--space names the towers that read a --table: a library has its own")
    check_out(out)
    settings = settings_from(library, database)
    given: dict[str, Any] = {
        "epochs": epochs, "patience": patience, "batch": batch, "chunk": chunk, "rate": rate,
        "modality_dropout": dropout, "consistency": consistency,
    }  # fmt: skip
    recipe = TowerRecipe(
        rank=None if whole else rank if rank is not None else TowerRecipe.rank, towers=tuple(parse_names(towers) or ()),
        loss=LOSSES.get(loss, loss), seed=seed, device=usable(device), bfloat16=bfloat16, compiled=compiled,
        **{field: value for field, value in given.items() if value is not None},
    )  # fmt: skip
    with together(device) as number:
        came_from, trained = _trained(settings, (pairs, space), recipe, out, tensorboard=tensorboard, again=again)
    if number:  # the first process writes and speaks for all
        return
    made = write_tuned(out, came_from, trained)
    forget_checkpoint(out)
    line = f"space in {out}: hearsee space add {out} fills it beside the library's own; or index with --space {out}"
    if as_json:
        told = {"space": str(out), "fingerprint": made.fingerprint, "said": [line]}
        print_json({**plain_report(trained.report), **told})
        return
    show(trained.report, "the old towers")
    console().print(visible(line), style="dim")


def _trained(
    settings: Settings, files: tuple[Path | None, str | None], recipe: TowerRecipe, out: Path, *, tensorboard: bool,
    again: bool,
) -> tuple[Any, TrainedTowers]:  # fmt: skip
    from hearsee.indexer.align import curves
    from hearsee.indexer.align.gathered import first, meet
    from hearsee.indexer.align.pair_files import table_library
    from hearsee.indexer.align.tuning import train_towers
    from hearsee.indexer.library import Library

    file, space = files
    if again and first():
        forget_checkpoint(out)
    meet()
    place, database = settings.library, settings.database
    if file is not None:
        if space is None:
            with Library.open(place, database) as opened:
                space = opened.info.space
        place, database = table_library(file, out, space, settings, say).place, None
    with Library.open(place, database) as opened:
        watch = curves.tensorboard(out) if tensorboard and first() else lambda _: None
        trained = train_towers(opened, recipe, settings, folder=out, say=say, watch=watch)
        if first():
            write_and_draw(out, trained.report)
        return opened.space, trained
