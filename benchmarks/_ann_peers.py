"""Other people's indexes, in an environment of the benchmark's own, behind one way to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._ann_lance import Lance, Look
from hearsee.core.vectors import Vectors

ENVIRONMENT = Path("build/bench/peers")
PACKAGES = {
    "hnswlib": "hnswlib",
    "usearch": "usearch.index",
    "scann": "scann",
    "scalable-vs": "svs",
    "lancedb": "lancedb",
}
LINKS, BUILD_BREADTH = 16, 100
LEAVES = 1024
# hnswlib tells no size: float32 rows, 2 × 16 links of 4 bytes and their count on the ground floor, a label of 8
HNSWLIB_EXTRA = 2 * LINKS * 4 + 4 + 8


@dataclass(frozen=True)
class Peer:
    search: Callable[[Vectors, int, int, int], NDArray[np.int64]]  # (queries, k, breadth, refine)
    threads: Callable[[int], object]
    bytes: float
    refines: tuple[int, ...] = (1,)  # worth trying
    fixed: int | None = None  # the breadth where nothing is tuned: as packaged


def install(packages: Iterable[str] = tuple(PACKAGES)) -> dict[str, str]:
    """Why what is missing is missing; what was installed is found behind all that is installed here."""
    if not (ENVIRONMENT / "bin/python").exists():
        venv.create(ENVIRONMENT, with_pip=True)
    sys.path += [str(folder) for folder in ENVIRONMENT.resolve().glob("lib/python*/site-packages")]
    os.environ.setdefault("LANCE_LOG", "error")
    missing = {}
    for package in packages:
        try:
            _install(package)
            import_module(PACKAGES[package])
        except (ImportError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None) or str(error)
            missing[package] = told.strip().splitlines()[-1] if told.strip() else repr(error)
    return missing


def _install(package: str) -> None:
    there = ENVIRONMENT / f"{package}.installed"
    if not there.exists():
        command = [str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "--quiet", "--no-cache-dir", package]
        subprocess.run(command, check=True, timeout=300, capture_output=True, text=True)
        there.touch()


def hnswlib(rows: Vectors, threads: int) -> Peer:
    index: Any = import_module("hnswlib").Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=BUILD_BREADTH, M=LINKS, random_seed=0)
    index.set_num_threads(threads)
    index.add_items(rows, np.arange(len(rows)))

    def search(points: Vectors, k: int, breadth: int, refine: int) -> NDArray[np.int64]:  # noqa: ARG001
        index.set_ef(breadth)
        return np.asarray(index.knn_query(points, k)[0], np.int64)

    return Peer(search, index.set_num_threads, rows.nbytes + HNSWLIB_EXTRA * len(rows))


def usearch(rows: Vectors, threads: int) -> Peer:
    make: Any = import_module("usearch.index").Index
    index = make(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_BREADTH)
    index.add(np.arange(len(rows)), rows, threads=threads)
    using = [threads]

    def search(points: Vectors, k: int, breadth: int, refine: int) -> NDArray[np.int64]:  # noqa: ARG001
        index.expansion_search = breadth
        keys = index.search(points, k, threads=using[0]).keys
        return np.asarray(keys, np.int64).reshape(len(points), k)

    return Peer(search, lambda count: using.__setitem__(0, count), float(index.memory_usage))


def scann(rows: Vectors, threads: int) -> Peer:
    make: Any = import_module("scann").scann_ops_pybind.builder(rows, 10, "dot_product")
    make = make.set_n_training_threads(threads).tree(
        num_leaves=min(LEAVES, len(rows) // 20), num_leaves_to_search=64, training_sample_size=min(100_000, len(rows))
    )
    index = make.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100).build()
    using = [threads]

    def use(count: int) -> None:
        using[0] = count
        index.set_num_threads(count)

    def search(points: Vectors, k: int, breadth: int, refine: int) -> NDArray[np.int64]:
        told = {"final_num_neighbors": k, "leaves_to_search": breadth, "pre_reorder_num_neighbors": refine}
        if len(points) == 1:
            return np.asarray(index.search(points[0], **told)[0], np.int64)[None]
        ask = index.search_batched if using[0] == 1 else index.search_batched_parallel
        return np.asarray(ask(points, **told)[0], np.int64)

    # float32 rows, a code of 4 bits for two dimensions, the leaves
    size = rows.nbytes * (1 + 1 / 16) + LEAVES * rows.shape[1] * 4
    return Peer(search, use, size, refines=(40, 80, 160))


def svs(rows: Vectors, threads: int) -> Peer:
    """Rows as they are: its compressed rows end the whole process on processors that are not Intel's."""
    made: Any = import_module("svs")
    told = made.VamanaBuildParameters(graph_max_degree=2 * LINKS, window_size=BUILD_BREADTH, alpha=0.95)
    index = made.Vamana.build(told, rows, made.DistanceType.MIP, num_threads=threads)

    def search(points: Vectors, k: int, breadth: int, refine: int) -> NDArray[np.int64]:  # noqa: ARG001
        index.search_window_size = breadth
        return np.asarray(index.search(points, k)[0], np.int64)

    size = rows.nbytes + 4 * (2 * LINKS + 1) * len(rows)
    return Peer(search, lambda count: setattr(index, "num_threads", count), size)


def compressed() -> str | None:
    """What happens to a process that lets scalable-vs compress its rows; none where it works, as on Intel's processors.

    There it would be a peer that this benchmark does not measure, and that is said, too.
    """
    code = f"""if True:
        import sys, tempfile
        sys.path += {[one for one in sys.path if "site-packages" in one]!r}
        import numpy, svs
        rows = numpy.random.default_rng(0).standard_normal((1000, 64)).astype("f4")
        with tempfile.TemporaryDirectory() as folder:
            svs.write_vecs(rows, folder + "/rows.fvecs")
            loader = svs.VectorDataLoader(folder + "/rows.fvecs", svs.DataType.float32, dims=64)
            told = svs.VamanaBuildParameters(graph_max_degree=32, window_size=64, alpha=0.95)
            svs.Vamana.build(told, svs.LVQLoader(loader, primary=4, residual=8), svs.DistanceType.MIP, num_threads=1)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if not done.returncode:
        return "it works on this processor, and is not measured"
    said = (done.stderr + done.stdout).strip().splitlines()
    return f"it ends the process with {done.returncode} ({said[-1] if said else 'without a word'})"


def lancedb(rows: Vectors, threads: int) -> Peer:  # noqa: ARG001
    """As packaged: its own choice of lists, codes and probes, ten times as many refined as wanted; all its threads."""
    folder = Path(tempfile.mkdtemp(dir=ENVIRONMENT))
    table = Lance.made(folder, rows)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    def search(points: Vectors, k: int, breadth: int, refine: int) -> NDArray[np.int64]:
        hits = table.asked(points, k, Look(breadth, refine), None, ["id"]).to_arrow()
        asked = hits["query_index"].to_numpy() if len(points) > 1 else np.zeros(len(hits), np.int64)
        found = np.zeros((len(points), k), np.int64)
        found[asked, np.arange(len(hits)) - np.searchsorted(asked, asked)] = hits["id"].to_numpy()
        return found

    return Peer(search, lambda count: count, float(size), refines=(10,), fixed=20)


def sweep() -> None:
    """Take away what LanceDB wrote."""
    for folder in ENVIRONMENT.glob("tmp*"):
        shutil.rmtree(folder, ignore_errors=True)


# (name in the table, package, how it is made)
PEERS: tuple[tuple[str, str, Callable[[Vectors, int], Peer]], ...] = (
    ("hnswlib M16", "hnswlib", hnswlib),
    ("scann tree+AH2", "scann", scann),
    ("usearch f16", "usearch", usearch),
    ("scalable-vs Vamana float32", "scalable-vs", svs),
    ("lancedb IVF_PQ as packaged", "lancedb", lancedb),
)
