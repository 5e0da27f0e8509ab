"""The floor plan: imports point one way, every package ships, files stay small, nothing is unpickled."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "search", "indexer", "core", "toybox")
# What each room may import besides itself.
ARROWS = {
    "api": {"search", "indexer", "core"},
    "search": {"indexer", "core"},
    "indexer": {"core"},
    "core": set(),
    "toybox": {"core", "indexer"},
}
# The commands that are about the toybox may also stand on it.
TOYBOX_COMMANDS = ("api/commands/toybox", "api/commands/align/", "api/demo/")
MAX_LINES = 400


def sources() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides which room it reaches into"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_arrows(name: str, modules: Iterator[str] | list[str]) -> list[str]:
    room = name.split("/")[0]
    allowed = ARROWS[room] | {room} | ({"toybox"} if name.startswith(TOYBOX_COMMANDS) else set())
    targets = (module.split(".")[1] for module in modules if module.startswith("hearsee."))
    return [f"{name}: {room} -> {target}" for target in targets if target not in allowed]


def test_imports_point_one_way() -> None:
    wrong = [arrow for path in sources() for arrow in wrong_arrows(path.relative_to(ROOT).as_posix(), imports(path))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("name", "module", "fine"),
    [
        ("search/plan.py", "hearsee.indexer.library", True),
        ("search/plan.py", "hearsee.api.http", False),
        ("core/space.py", "hearsee.indexer", False),
        ("indexer/library.py", "hearsee.toybox.space", False),
        ("api/http.py", "hearsee.toybox.space", False),
        ("api/demo/tour.py", "hearsee.toybox.write", True),
        ("toybox/space.py", "hearsee.search", False),
    ],
)
def test_the_test_of_arrows_sees_a_wrong_one(name: str, module: str, fine: bool) -> None:
    assert (not wrong_arrows(name, [module])) == fine


def test_every_package_is_shipped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shipped = set(project["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for path in sources() if path.name == "__init__.py"}
    assert {"hearsee." + ".".join(folder.parts) for folder in folders} == shipped
    with_code = {path.parent.relative_to(ROOT) for path in sources()}
    assert with_code == folders, "a folder with code has no __init__.py, so it would not be installed"


def test_files_stay_readable() -> None:
    files = [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
    lines = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8").count("\n") for path in files}
    assert not {name: count for name, count in lines.items() if count > MAX_LINES}


FORBIDDEN_MODULES = {"pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "multiprocessing"}
FORBIDDEN_CALLS = {"torchaudio.load", "eval", "exec", "os.system", "os.popen", "yaml.load", "tarfile.extractall"}


def forbidden(source: str) -> list[str]:
    """What would run or unpickle something hostile, or decode it past the limits."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            found += [name] if name in FORBIDDEN_CALLS or name.endswith((".extractall", "pickle.load")) else []
            found += [f"{name}(shell)"] if given.get("shell", "False") != "False" else []
            found += [f"{name}(allow_pickle)"] if given.get("allow_pickle", "False") != "False" else []
            found += ["np.load"] if name in {"np.load", "numpy.load"} and "allow_pickle" not in given else []
            found += ["torch.load"] if name == "torch.load" and given.get("weights_only") != "True" else []
    return found


def test_nothing_is_unpickled_or_handed_to_a_shell() -> None:
    found = {path.relative_to(ROOT).as_posix(): forbidden(path.read_text("utf-8")) for path in sources()}
    assert not {name: calls for name, calls in found.items() if calls}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torchaudio.load(path)",
        "subprocess.run(command, shell=True)",
        "archive.extractall(folder)",
    ],
)
def test_the_test_of_calls_sees_a_forbidden_one(line: str) -> None:
    assert forbidden(line)


@pytest.mark.parametrize("room", ["core", "indexer", "search"])
def test_a_room_is_imported_without_torch(room: str) -> None:
    """Importing torch takes seconds: only a command that encodes or trains pays for it."""
    names = [path.relative_to(ROOT).with_suffix("") for path in sources() if path.relative_to(ROOT).parts[0] == room]
    # Training is torch through and through; migrations are run by Alembic, not imported.
    named = [name for name in names if name.parts[:2] != ("indexer", "align") and "migrations" not in name.parts]
    modules = [("hearsee." + ".".join(name.parts)).removesuffix(".__init__") for name in named]
    script = f"import importlib, sys\nfor m in {modules}: importlib.import_module(m)\nsys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr or f"importing hearsee.{room} imports torch"
