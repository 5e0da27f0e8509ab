"""What every training run shares at the command line: its options, what it says, and the report that it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.terminal import console, table, visible

if TYPE_CHECKING:
    from hearsee.indexer.align.recall import Estimate
    from hearsee.indexer.align.report import Report

LOSSES = {"infonce": "info_nce"}

DeviceOption = Annotated[str, typer.Option("--device", help="cpu, cuda, or one of several as cuda:1.")]
LossOption = Annotated[str, typer.Option("--loss", help="infonce or sigmoid.")]
TensorboardOption = Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Start anew where a run was stopped.")]
BfloatOption = Annotated[bool, typer.Option("--bf16", help="Multiply in bfloat16.")]
CompileOption = Annotated[bool, typer.Option("--compile", help="Let torch compile what learns.")]
PairsOption = Annotated[
    Path | None,
    typer.Option("--table", metavar="FILE", help="Take pairs from this CSV, JSONL or Parquet: path, text, group."),
]
PatienceOption = Annotated[
    int | None, typer.Option("--patience", help="Epochs without a better validation before it stops.")
]
BatchOption = Annotated[int | None, typer.Option("--batch", help="Groups told apart at once.")]
RateOption = Annotated[float | None, typer.Option("--rate", help="How fast to learn.")]
DropoutOption = Annotated[
    float | None, typer.Option("--dropout", help="Share of the groups of three modalities that lose one.")
]
ConsistencyOption = Annotated[
    float | None, typer.Option("--consistency", help="Weight of the pull towards a group's middle.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Decides the split, the draws and the first weights.")]
StepsOption = Annotated[int | None, typer.Option("--steps", help="How long to learn.")]
ChunkOption = Annotated[
    int | None, typer.Option("--chunk", help="Rows at once where a batch is too large for the memory; same gradients.")
]


def show(report: Report, after: str = "the old heads") -> None:
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
        out.print(f"Not forgotten: of {lost.questions:,} questions that {after} answered at once, {kept}.")
    out.print(visible(report.sentence), style="bold")


def _interval(one: Estimate, *, signed: bool) -> str:
    sign = "+" if signed else ""
    return f"{one.value:{sign}.3f} ({one.low:{sign}.3f} – {one.high:{sign}.3f})"


def say(line: str) -> None:
    from hearsee.indexer.align.gathered import first

    if first():
        console(stderr=True).print(visible(line))


def write_and_draw(folder: Path, report: Report) -> None:
    from hearsee.core.errors import NotFound
    from hearsee.indexer.align import curves

    curves.write_report(folder, report)
    try:
        curves.draw_curves(folder, report)
    except NotFound as missing:
        console(stderr=True).print(visible(str(missing)), style="dim")


def forget_checkpoint(folder: Path) -> None:
    from hearsee.indexer.align.checkpoint import Checkpoints

    Checkpoints(folder, {}, lambda _: None).clear()


def usable(device: str) -> str:
    import re

    import torch

    from hearsee.core.errors import BadInput

    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise BadInput(f"--device is {device!r}: use cpu or cuda")
    if device != "cpu" and not torch.cuda.is_available():
        raise BadInput(f"--device {device}: torch sees no GPU here; use cpu")
    return device


def plain_report(report: Report) -> dict[str, Any]:
    from hearsee.api.answers import plain

    found: dict[str, Any] = plain(report)
    return found
