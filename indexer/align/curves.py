"""A training run to look at: curves as PNG, logs for TensorBoard; both need the extra `align`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hearsee.core.errors import NotFound
from hearsee.indexer.align.loop import Epoch
from hearsee.indexer.align.report import Report
from hearsee.indexer.files import make_folder, publish

CURVES, REPORT, LOGS = "curves.png", "report.json", "logs"
INSTALL = "pip install 'hearsee[align]'"


def write_report(folder: Path, report: Report) -> Path:
    """`report.json`, whole or absent."""
    make_folder(folder)
    content = json.dumps(report.as_dict(), indent=1, allow_nan=False) + "\n"
    publish(folder, REPORT, lambda sink: sink.write(content.encode()))
    return folder / REPORT


def draw_curves(folder: Path, report: Report) -> Path:
    """Loss and validation by epoch, and recall before and after by direction."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NotFound(f"curves are drawn by matplotlib, which is not installed: {INSTALL}") from None
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, recall, found = figure.subplots(1, 3)
    epochs = [step.epoch for step in report.history]
    loss.plot(epochs, [step.loss for step in report.history])
    loss.set(title="loss", xlabel="epoch")
    recall.plot(epochs, [step.recall for step in report.history])
    recall.axvline(report.best_epoch, color="grey", linewidth=0.8)
    recall.set(title="mean recall, validation", xlabel="epoch", ylim=(0, 1))
    _draw_found(found, report)
    make_folder(folder)
    figure.savefig(folder / CURVES, dpi=100)
    return folder / CURVES


def _draw_found(axes: Any, report: Report) -> None:
    for shift, name in ((-0.2, "before"), (0.2, "after")):
        shown = [getattr(direction, name)["recall@10"] for direction in report.directions]
        values = [one.value for one in shown]
        spread = [
            [max(0.0, one.value - one.low) for one in shown],
            [max(0.0, one.high - one.value) for one in shown],
        ]
        axes.bar([at + shift for at in range(len(shown))], values, 0.4, yerr=spread, label=name)
    names = [direction.name.replace("->", "\n→ ") for direction in report.directions]
    axes.set(title="recall@10, held out", ylim=(0, 1))
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.legend()


def tensorboard(folder: Path) -> Callable[[Epoch], None]:
    """Writes each epoch's loss and validation where `tensorboard --logdir` looks."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise NotFound(f"logs for TensorBoard need tensorboard, which is not installed: {INSTALL}") from None
    writer = SummaryWriter(str(folder / LOGS))

    def note(epoch: Epoch) -> None:
        if epoch.resumed:
            return
        writer.add_scalar("loss", epoch.loss, epoch.number)
        writer.add_scalar("recall/validation", epoch.score, epoch.number)
        writer.flush()

    return note
