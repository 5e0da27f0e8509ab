"""The command line: all verbs in one table, and errors as one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from hearsee.api.commands import (
    align,
    calibrate,
    caption,
    compact,
    demo,
    duplicates,
    evaluate,
    export,
    index,
    label,
    listing,
    remove,
    search,
    serve,
    space,
    spaces,
    stats,
    verify,
)
from hearsee.api.commands import toybox as toybox_command
from hearsee.api.terminal import complain
from hearsee.core.errors import HearseeError

# Which extra brings what is not there; the rest comes with the package itself.
_EXTRAS = {
    "faiss": "cpu",
    "psycopg": "postgres",
    **dict.fromkeys(("open_clip", "transformers", "torchaudio", "torchvision", "huggingface_hub"), "towers"),
    **dict.fromkeys(("matplotlib", "tensorboard"), "align"),
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), "onnx"),
}

app = typer.Typer(
    name="hearsee",
    help="Search pictures, sounds and words with any mix of pictures, sounds and words.",
    epilog="Start with `hearsee demo`; then `hearsee index FOLDER` and `hearsee search WORDS`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("index")(index.index)
app.command("search")(search.search)
app.command("list")(listing.list_items)
app.command("remove")(remove.remove)
app.command("stats")(stats.stats)
app.command("verify")(verify.verify)
app.command("compact")(compact.compact)
app.command("eval")(evaluate.evaluate)
app.command("duplicates")(duplicates.duplicates)
app.command("label")(label.label)
app.command("caption")(caption.caption)
app.command("calibrate")(calibrate.calibrate)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("toybox")(toybox_command.toybox)
app.command("spaces")(spaces.spaces)
space.app.command("export")(export.export_space)
app.add_typer(space.app, name="space")
app.add_typer(align.app, name="align")


@app.callback()
def every_command(
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error comes from.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    pass


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command and answer its exit code; whatever goes wrong is one line on stderr."""
    if "--version" in args[:1]:
        from importlib.metadata import version

        print(version("hearsee"))
        return 0
    try:
        code = app(args=list(args) or ["--help"], prog_name="hearsee", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except Exception as error:
        if "--traceback" in args[:1]:
            raise
        return _explain(error)


def _explain(error: Exception) -> int:
    """Say what went wrong in one line; 2 for a command that was typed wrong, 1 for the rest."""
    if isinstance(error, HearseeError):
        complain(str(error), error.details)
    elif isinstance(error, BrokenPipeError):
        # Whoever read our output has left; there is nobody to tell, and nothing may be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error, typer.TyperException):
        complain(f"{error.format_message()} (see hearsee --help)")
        return error.exit_code
    elif isinstance(error, typer.Abort):
        complain("stopped")
    elif isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        complain(f"{name}{error.strerror}: check the path and its permissions")
    elif isinstance(error, MemoryError):
        complain("not enough memory: close other programs, or index in smaller sources")
    elif isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("hearsee"):
        extra = _EXTRAS.get(str(error.name).partition(".")[0])
        wanted = error.name if extra is None else f"'hearsee[{extra}]'"
        complain(f"{error}: pip install {wanted}")
    else:
        complain(f"this is a mistake in Hearsee, {type(error).__name__}: {error} (hearsee --traceback … shows where)")
    return 1


if __name__ == "__main__":
    main()
