"""What training is given that it cannot learn from is one line each, at the command line; what it makes can be seen."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearsee.api.main import run
from hearsee.core.head import read_heads
from tests.indexer.pairs import view

ROOT = Path(__file__).parents[2]
GROUPS = 80


def fill(folder: Path) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """A picture and two captions of each thing."""
    things = np.random.default_rng(0).standard_normal((GROUPS, 5)).astype(np.float32)
    numbers = np.repeat(np.arange(GROUPS), 2)
    rows = {"image": view(things, 16, 0.03, 1), "text": view(things[numbers], 12, 0.03, 2)}
    folder.mkdir(exist_ok=True)
    for name, vectors in rows.items():
        np.save(folder / f"{name}.npy", vectors)
    groups(folder, "image", np.arange(GROUPS))
    groups(folder, "text", numbers)
    return rows


def groups(folder: Path, name: str, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    (folder / f"{name}.groups.txt").write_text("".join(f"thing {number}\n" for number in numbers))


def line(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    capsys.readouterr()
    assert run([*map(str, args)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("hearsee: ")
    assert err.count("\n") == 1, err
    return err


def test_vectors_that_teach_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, numbers = tmp_path / "vectors", np.repeat(np.arange(GROUPS), 2)
    command = ("align", "heads", "--vectors", folder, "--out", tmp_path / "out", "--dim", 8, "--epochs", 1)
    pictures = fill(folder)["image"]
    groups(folder, "text", numbers + GROUPS)
    assert "no pairs: no group holds two of image, text" in line(capsys, *command)
    groups(folder, "text", np.random.default_rng(0).permutation(numbers))
    assert "the captions contradict each other, thing " in line(capsys, *command)
    groups(folder, "text", numbers)
    for bad in (np.nan, np.inf):
        broken = pictures.copy()
        broken[7, 3] = bad
        np.save(folder / "image.npy", broken)
        assert "image vector 7 holds a number that is not finite: leave it out" in line(capsys, *command)
    np.save(folder / "image.npy", pictures[:15])
    groups(folder, "image", np.arange(15))
    assert "15 groups hold two modalities: training needs 20" in line(capsys, *command)
    for name in ("image.npy", "image.groups.txt"):
        (folder / name).unlink()
    assert "nothing to align: there are vectors of text only" in line(capsys, *command)


def test_a_checkpoint_of_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "vectors", tmp_path / "out"
    fill(folder)
    child(folder, out, stop="epoch 1/400")
    command = ("align", "heads", "--vectors", folder, "--out", out, "--dim", 8)
    assert "checkpoint.safetensors is of another run (" in line(capsys, *command, "--epochs", 3)
    (out / "checkpoint.safetensors").write_bytes(b"nothing")
    assert "checkpoint.safetensors is no checkpoint (" in line(capsys, *command, "--epochs", 3)


def test_processes_that_were_not_started_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "vectors")
    monkeypatch.setenv("RANK", "0")
    for name in ("WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    err = line(capsys, "align", "heads", "--vectors", tmp_path / "vectors", "--out", tmp_path / "out", "--dim", 8)
    assert "do not find each other" in err
    assert "start them with torchrun" in err


def test_captions_in_two_columns_or_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "two.csv": ("caption,number\na dog barks,1\n", "it has 2 columns (caption, number)"),
        "none.csv": ("caption\n", "it holds no captions"),
        "none.txt": ("\n\n", "it holds no captions"),
        "tabs.txt": ("a dog barks\tone\n", "line 1 has 2 columns"),
    }
    for name, (content, words) in files.items():
        (tmp_path / name).write_text(content)
        assert words in line(capsys, "align", "bridge", "--captions", tmp_path / name, "--out", tmp_path / "out")


def child(folder: Path, out: Path, *, most_bytes: int | None = None, stop: str | None = None) -> str:
    """A run of the command of its own; killed once it says `stop`; no file may grow beyond `most_bytes`."""
    command = [sys.executable, "-m", "hearsee.api.main", "align", "heads", "--vectors", str(folder), "--out", str(out)]
    options = ["--dim", "8", "--epochs", "400" if stop else "4", "--patience", "500", "--json"]

    def limited() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    with subprocess.Popen(
        [*command, *options], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limited
    ) as run_:
        assert run_.stderr is not None
        said = ""
        for told in run_.stderr:
            said += told
            if stop is not None and stop in told:
                run_.send_signal(signal.SIGKILL)
                break
        else:
            assert run_.wait() == 0, said
    return said


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(tmp_path: Path) -> None:
    folder, out = tmp_path / "vectors", tmp_path / "out"
    fill(folder)
    said = child(folder, out, most_bytes=120_000)  # the heads fit, five times as much and a report does not
    assert said.count("no checkpoint was written, there is none yet: ") == 4
    assert set(read_heads(out / "heads.safetensors").by_modality) == {"image", "text"}
    assert not list(out.glob("*.tmp"))


def test_the_logs_and_curves_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    folder, out = tmp_path / "vectors", tmp_path / "out"
    fill(folder)
    command = [*map(str, ("align", "heads", "--vectors", folder, "--out", out, "--dim", 8, "--epochs", 2))]
    assert run([*command, "--tensorboard", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = EventAccumulator(str(out / "logs")).Reload()
    assert [one.value for one in logs.Scalars("loss")] == pytest.approx([step["loss"] for step in told["history"]])
    assert [one.step for one in logs.Scalars("recall/validation")] == [1, 2]
    assert json.loads((out / "report.json").read_text())["history"] == told["history"]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as where the extra is not installed
    assert "pip install 'hearsee[align]'" in line(capsys, *command, "--tensorboard")
