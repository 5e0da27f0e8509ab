"""`hearsee align heads`: train heads on a library's own pairs, a table's, or vectors in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.commands.align.live import switch_to, what_was_done
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
from hearsee.api.options import DatabaseOption, JsonOption, LibraryOption, settings_from
from hearsee.api.terminal import console, print_json, visible

if TYPE_CHECKING:
    from hearsee.core.head import Head, Heads
    from hearsee.core.modality import Modality
    from hearsee.core.settings import Settings
    from hearsee.core.space import Space
    from hearsee.indexer.align.data import Table
    from hearsee.indexer.align.first import Anchors
    from hearsee.indexer.align.report import Report
    from hearsee.indexer.align.training import HeadRecipe

RUNS = "align"  # in a library's folder: checkpoint, report and curves of the last training
KINDS = {"residual": "mlp"}  # what people call it, too


def align_heads(
    pairs: PairsOption = None,
    vectors: Annotated[
        Path | None,
        typer.Option("--vectors", metavar="DIR", help="Learn from image.npy, text.npy, … instead of a library."),
    ] = None,
    space: Annotated[
        str | None, typer.Option("--space", metavar="NAME", help="With --table and no library: whose towers read it.")
    ] = None,
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchors",
            metavar="FILE",
            help="Texts, one a line or a table of one column, that CLIP (CLAP) reads beside another text tower.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Where report, curves and heads go. Else with the library."),
    ] = None,
    kind: Annotated[str, typer.Option("--head", help="residual or linear.")] = "residual",
    loss: LossOption = "infonce",
    dim: Annotated[int | None, typer.Option("--dim", help="Of the shared space, with --vectors.")] = None,
    width: Annotated[int | None, typer.Option("--width", help="Of the residual's hidden layer.")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="At most; it stops when validation no longer rises.")
    ] = None,
    patience: PatienceOption = None,
    batch: BatchOption = None,
    chunk: ChunkOption = None,
    rate: RateOption = None,
    positives: Annotated[
        int | None, typer.Option("--positives", help="Rows of one modality that a group brings into a batch.")
    ] = None,
    mix: Annotated[float | None, typer.Option("--mix", help="FuseMix: alpha of the shares that groups mix in.")] = None,
    noise: Annotated[float | None, typer.Option("--noise", help="On the vectors, as a share of their length.")] = None,
    dropout: DropoutOption = None,
    consistency: ConsistencyOption = None,
    hard: Annotated[
        int | None, typer.Option("--hard-negatives", help="Nearest wrong groups that a group brings into its batch.")
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "cpu",
    bfloat16: BfloatOption = False,
    compiled: CompileOption = False,
    tensorboard: TensorboardOption = False,
    again: AgainOption = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Switch although the new heads are not better.")] = False,
    dry: Annotated[bool, typer.Option("--no-switch", help="Only train and report.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="What to call the new heads.")] = None,
    library: LibraryOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train heads on the library's groups, report what they are worth, and switch to them where they are better.

    Vectors are read, media are not. A run that was stopped goes on from its last epoch. Several processes share the
    batches: torchrun --nproc-per-node 2 --no-python hearsee align heads …
    """
    from hearsee.core.errors import BadInput
    from hearsee.indexer.align.gathered import together
    from hearsee.indexer.align.training import HeadRecipe

    settings = settings_from(library, database)
    if (vectors is not None or space is not None) and out is None:
        name_ = "--vectors" if vectors is not None else "--space"
        raise BadInput(f"{name_} needs --out DIR: there is no library to put the heads into")
    if vectors is not None and anchors:
        raise BadInput("--anchors are texts for a space's towers: with --vectors give image.anchors.npy and its like")
    if vectors is not None and pairs is not None:
        raise BadInput("--table and --vectors both bring pairs: give one of them")
    if space is not None and pairs is None:
        raise BadInput("--space names the towers that read a --table: a library has its own")
    given: dict[str, Any] = {
        "dim": dim, "width": width, "epochs": epochs, "patience": patience, "batch": batch, "chunk": chunk,
        "rate": rate, "positives": positives, "fuse_mix": mix, "noise": noise, "modality_dropout": dropout,
        "consistency": consistency, "hard_negatives": hard,
    }  # fmt: skip
    recipe = HeadRecipe(
        start="best", kind=KINDS.get(kind, kind), loss=LOSSES.get(loss, loss), seed=seed, device=usable(device),
        bfloat16=bfloat16, compiled=compiled, **{field: value for field, value in given.items() if value is not None},
    )  # fmt: skip
    folder = out or settings.library / RUNS
    with together(device) as number:
        heads, report = _trained(
            settings,
            _Files(vectors, pairs, tuple(anchors or ())),
            space,
            recipe,
            folder,
            tensorboard=tensorboard,
            again=again,
        )
    if number:  # the first process writes and speaks for all
        return
    said: list[str] = []
    switched = None
    if vectors is not None or space is not None:
        _keep(folder, heads)
        said.append(f"heads are in {folder}")
    elif dry:
        _keep(folder, heads)
        said.append(f"the old heads stay; the new ones are in {folder}: hearsee align switch --to {folder}")
    elif report.verdict == "better" or anyway:
        switched = switch_to(settings, heads, name or f"trained, seed {seed}")
        said += what_was_done(settings, switched)
    else:
        _keep(folder, heads)
        said.append(f"the old heads stay; --anyway switches, and the new ones are in {folder}")
    forget_checkpoint(folder)
    if as_json:
        print_json({**plain_report(report), "switched": switched is not None, "said": said, "folder": str(folder)})
        return
    show(report)
    for line in said:
        console().print(visible(line), style="dim")


@dataclass(frozen=True)
class _Files:
    vectors: Path | None
    pairs: Path | None
    anchors: tuple[Path, ...]


@dataclass(frozen=True)
class _Source:
    """Where pairs come from, and the heads that new ones are held against."""

    pairs: Table
    old: Mapping[str, Head] | None = None
    space: str = ""  # fingerprint
    towers: Mapping[Modality, str] = field(default_factory=dict)  # fingerprints
    anchors: Anchors = field(default_factory=dict)


def _source(settings: Settings, files: _Files, space: str | None, folder: Path) -> tuple[_Source, int | None]:
    """And how many numbers the shared space has, where that is known."""
    from hearsee.core.space import load_space
    from hearsee.indexer.align.pair_files import table_pairs
    from hearsee.indexer.align.tables import library_table, vectors_anchors, vectors_table
    from hearsee.indexer.library import Library

    file = files.pairs
    if files.vectors is not None:
        return _Source(vectors_table(files.vectors), anchors=vectors_anchors(files.vectors)), None
    if space is not None and file is not None:
        return _of_space(load_space(space), table_pairs(file, folder, space, settings, say), files.anchors)
    with Library.open(settings.library, settings.database) as opened:
        pairs = library_table(opened) if file is None else table_pairs(file, folder, opened.info.space, settings, say)
        return _of_space(opened.space, pairs, files.anchors)


def _of_space(space: Space, pairs: Table, texts: tuple[Path, ...]) -> tuple[_Source, int]:
    from hearsee.indexer.align.anchors import text_anchors
    from hearsee.indexer.align.caption_files import read_captions

    old = {modality.value: space.head(modality) for modality in space.towers}
    towers = {modality: tower.contract.fingerprint for modality, tower in space.towers.items()}
    anchors = text_anchors(space, read_captions(texts, option="--anchors"), say) if texts else {}
    return _Source(pairs, old, space.fingerprint, towers, anchors), space.dim


def _trained(
    settings: Settings, files: _Files, space: str | None, recipe: HeadRecipe, folder: Path, *,
    tensorboard: bool, again: bool,
) -> tuple[Heads, Report]:  # fmt: skip
    from hearsee.indexer.align import curves
    from hearsee.indexer.align.data import split
    from hearsee.indexer.align.gathered import first, meet
    from hearsee.indexer.align.training import train_heads

    source, dim = _source(settings, files, space, folder)
    if again and first():
        forget_checkpoint(folder)
    meet()
    watch = curves.tensorboard(folder) if tensorboard and first() else lambda _: None
    recipe = recipe if dim is None else replace(recipe, dim=dim)
    heads, report = train_heads(
        split(source.pairs, recipe.seed), recipe, old=source.old, folder=folder, space=source.space, watch=watch,
        say=say, anchors=source.anchors,
    )  # fmt: skip
    if first():
        write_and_draw(folder, report)
    return replace(heads, towers={m: source.towers[m] for m in heads.by_modality if m in source.towers}), report


def _keep(folder: Path, heads: Heads) -> None:
    from hearsee.core.head import FILE, packed_heads
    from hearsee.indexer.files import make_folder, publish

    make_folder(folder)
    publish(folder, FILE, lambda sink: sink.write(packed_heads(heads)))
