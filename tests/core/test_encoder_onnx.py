"""ONNX files as towers: exported ones against PyTorch, hand-made ones by numbers worked out here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import BadInput, Damaged, NotFound, Refused
from hearsee.core.media.kinds import Media, Picture, Piece, Sound, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.vectors import unit
from tests import checkpoints

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CAPTIONS = ("a dog", "rain on the roof of an old house by the sea, while somebody plays a song", "bell")


def pieces(tower: Any, media: list[Media]) -> list[Piece]:
    return [piece for one in media for piece in find_preparation(tower.preparation)(one)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """A model, its export, and what the export says about itself."""
    pytest.importorskip("open_clip")
    pytest.importorskip("onnxscript")
    from hearsee.core.encoders.onnx_export import export_open_clip

    root = tmp_path_factory.mktemp("models")
    model = checkpoints.open_clip_folder(root / "clip", layers=1)
    return model, root / "onnx", export_open_clip(root / "onnx", str(model))


def test_exported_towers_have_pytorchs_vectors_in_any_batch(both: tuple[Path, Path, Any]) -> None:
    model, folder, exported = both
    assert min(exported.cosines.values()) > 0.99999
    shown: list[Media] = [Picture(one) for one in checkpoints.pictures(5)]
    read: list[Media] = [Words(caption) for caption in CAPTIONS]
    for modality, media in ((Modality.IMAGE, shown), (Modality.TEXT, read)):
        theirs = make_tower("open_clip", modality, {"model": str(model)})
        ours = make_tower("onnx", modality, {"model": str(folder), "batch": 2})
        assert ours.preparation == theirs.preparation
        ready = pieces(ours, media)
        rows = ours.encode(ready)
        np.testing.assert_allclose(rows, theirs.encode(ready), atol=1e-4)
        np.testing.assert_allclose(rows, np.concatenate([ours.encode([one]) for one in ready]), atol=1e-4)


def test_words_are_read_without_the_model_that_the_files_came_from(both: tuple[Path, Path, Any]) -> None:
    code = (
        "import sys; from hearsee.core.encoders.onnx_file import onnx_tower as tower;"
        "from hearsee.core.media.kinds import Words; from hearsee.core.media.prepare import find_preparation;"
        "from hearsee.core.modality import Modality;"
        f"text = tower(Modality.TEXT, model={str(both[1])!r});"
        "text.encode([find_preparation(text.preparation)(Words('two bells'))[0]]);"
        "print(*sorted(sys.modules.keys() & {'open_clip', 'torchvision', 'transformers', 'timm'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


def test_what_differs_is_taken_back(both: tuple[Path, Path, Any], tmp_path: Path) -> None:
    from hearsee.core.encoders.onnx_export import shrink

    with pytest.raises(Refused, match="differ from the given"):
        shrink(both[1], tmp_path / "int8", least=0.9999999)
    assert not list((tmp_path / "int8").iterdir())


def test_eight_bits_are_smaller_and_near(both: tuple[Path, Path, Any], tmp_path: Path) -> None:
    from hearsee.core.encoders.onnx_export import shrink

    small = shrink(both[1], tmp_path / "int8")
    assert min(small.cosines.values()) > 0.97
    assert small.megabytes["image"] < 0.5 * both[2].megabytes["image"]
    tower = make_tower("onnx", Modality.IMAGE, {"model": str(tmp_path / "int8")})
    whole = make_tower("onnx", Modality.IMAGE, {"model": str(both[1])})
    assert "weights" in tower.contract.difference(whole.contract)


def network(path: Path, shape: list[Any], kind: int, axes: list[int]) -> None:
    """Sums its input over `axes`: a network whose answer is known."""
    given = onnx.helper.make_tensor_value_info("given", kind, shape)
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)
    cast = onnx.helper.make_node("Cast", ["given"], ["float"], to=onnx.TensorProto.FLOAT)
    constant = onnx.numpy_helper.from_array(np.asarray(axes, np.int64), "axes")
    total = onnx.helper.make_node("ReduceSum", ["float", "axes"], ["out"], keepdims=0, noop_with_empty_axes=1)
    graph = onnx.helper.make_graph([cast, total], "sums", [given], [out], [constant])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)


def described(folder: Path, towers: dict[str, Any], dim: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "tower.json").write_text(json.dumps({"format": 1, "name": "sums", "dim": dim, "towers": towers}))
    return folder


def test_a_hand_made_picture_network_gets_scaled_channels_first(tmp_path: Path) -> None:
    options = {"mode": "squash", "resize": [4, 4]}
    image = {"file": "i.onnx", "prepare": "picture", "options": options, "mean": [0.5] * 3, "std": [0.5] * 3}
    network(tmp_path / "i.onnx", ["n", 3, 4, 4], onnx.TensorProto.FLOAT, [2, 3])
    tower = make_tower(
        "onnx", Modality.IMAGE, {"model": str(described(tmp_path, {"image": image | {"layout": "NCHW"}}, 3))}
    )
    flat = np.full((9, 9, 3), (255, 0, 128), np.uint8)
    rows = tower.encode(pieces(tower, [Picture(flat)]))
    np.testing.assert_allclose(rows, unit(np.asarray([[1.0, -1.0, 128 / 127.5 - 1]])), atol=1e-5)


def weighing(path: Path, location: str) -> Path:
    """A network that adds numbers which lie in another file to the middle colour of a picture."""
    network(path, ["n", 3, 4, 4], onnx.TensorProto.FLOAT, [2, 3])
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "colour"
    numbers = onnx.TensorProto(
        name="numbers", dims=[3], data_type=onnx.TensorProto.FLOAT, data_location=onnx.TensorProto.EXTERNAL
    )
    numbers.external_data.add(key="location", value=location)
    model.graph.initializer.append(numbers)
    model.graph.node.append(onnx.helper.make_node("Add", ["colour", "numbers"], ["out"]))
    path.write_bytes(model.SerializeToString())
    image = {"file": path.name, "prepare": "picture", "options": {"mode": "squash", "resize": [4, 4]}}
    return described(path.parent, {"image": image | {"layout": "NCHW", "mean": [0] * 3, "std": [1] * 3}}, 3)


@pytest.mark.parametrize("location", ["i.onnx.data", "deep/" + 150 * "w" + ".bin"])
def test_weights_beside_a_network_belong_to_its_contract(tmp_path: Path, location: str) -> None:
    (tmp_path / location).parent.mkdir(exist_ok=True)
    (tmp_path / "README.md").write_text("not of the network")
    numbers = np.asarray([10, 20, 30], np.float32)
    (tmp_path / location).write_bytes(numbers.tobytes())
    options = {"model": str(weighing(tmp_path / "i.onnx", location))}
    before = make_tower("onnx", Modality.IMAGE, options)
    (piece,) = pieces(before, [Picture(np.zeros((4, 4, 3), np.uint8))])
    np.testing.assert_allclose(before.encode([piece]), unit(numbers[None]), atol=1e-6)
    fingerprint = before.contract.fingerprint
    (tmp_path / "README.md").write_text("changed")
    assert make_tower("onnx", Modality.IMAGE, options).contract.fingerprint == fingerprint
    (tmp_path / location).write_bytes(numbers[::-1].tobytes())
    assert "weights" in before.contract.difference(make_tower("onnx", Modality.IMAGE, options).contract)


@pytest.mark.parametrize("location", ["../secret.bin", "HERE/secret.bin", "link.bin", "/dev/zero"])
def test_weights_that_lie_outside_of_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.bin").symlink_to(tmp_path / "secret.bin")
    folder = weighing(tmp_path / "in" / "i.onnx", location.replace("HERE", str(tmp_path)))
    tower = make_tower("onnx", Modality.IMAGE, {"model": str(folder)})
    ready = pieces(tower, [Picture(np.zeros((4, 4, 3), np.uint8))])
    with pytest.raises(Damaged, match="not a network that ONNX Runtime can run"):
        tower.encode(ready)


def test_a_hand_made_sound_network_gets_its_windows(tmp_path: Path) -> None:
    audio = {"file": "a.onnx", "prepare": "sound", "options": {"rate": 100, "window": 1, "hop": 1}}
    network(tmp_path / "a.onnx", ["n", 100], onnx.TensorProto.FLOAT, [])
    tower = make_tower("onnx", Modality.AUDIO, {"model": str(described(tmp_path, {"audio": audio}, 100))})
    heard = np.repeat(np.asarray([0.5, -0.25], np.float32), 100).reshape(-1, 1)
    rows = tower.encode(pieces(tower, [Sound(heard, 100)]))
    np.testing.assert_allclose(rows, [[0.1] * 100, [-0.1] * 100], atol=1e-6)
    assert "every 1 s" in tower.contract.windows


@pytest.mark.parametrize("kind", ["bytes", "tokenizers"])
def test_a_hand_made_text_network_gets_its_tokens(tmp_path: Path, kind: str) -> None:
    tokens: dict[str, Any] = {"kind": kind, "context": 8}
    if kind == "tokenizers":
        pytest.importorskip("transformers")
        checkpoints.tokenizer(tmp_path)
        tokens |= {"file": "tokenizer.json", "pad": 1}
    text = {"file": "t.onnx", "prepare": "text", "options": {"tokens": 8}, "tokenizer": tokens}
    network(tmp_path / "t.onnx", ["n", 8], onnx.TensorProto.INT64, [])
    tower = make_tower("onnx", Modality.TEXT, {"model": str(described(tmp_path, {"text": text}, 8))})
    (row,) = tower.encode(pieces(tower, [Words("rain" if kind == "tokenizers" else "ab")]))
    if kind == "bytes":
        wanted = [97, 98, 0, 0, 0, 0, 0, 0]
    else:
        from tokenizers import Tokenizer

        found = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("rain").ids
        wanted = [*found, *[1] * (8 - len(found))]
    np.testing.assert_allclose(row, unit(np.asarray([wanted], np.float32))[0], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"file": "../../etc/passwd"}, "files must lie in the folder"),
        ({"prepare": "os:system"}, "use one of picture"),
        ({"prepare": "sound"}, "for image use one of picture"),
        ({"file": 7}, "files must lie in the folder"),
    ],
)
def test_descriptions_that_reach_out_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = described(tmp_path, {"image": {"file": "i.onnx", "prepare": "picture", "options": {}} | change}, 3)
    with pytest.raises(Damaged, match=said):
        _ = make_tower("onnx", Modality.IMAGE, {"model": str(folder)}).preparation


@pytest.mark.parametrize(
    "text", ["{}", '{"format": 1}', '{"format": 2}', '{"format": 1, "dim": "x", "name": 3, "towers": {}}']
)
def test_descriptions_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "tower.json").write_text(text)
    with pytest.raises(Damaged, match="does not describe towers"):
        _ = make_tower("onnx", Modality.IMAGE, {"model": str(tmp_path)}).dim


def test_files_that_are_no_networks_are_refused(tmp_path: Path) -> None:
    options = {"mode": "squash", "resize": [4, 4]}
    folder = described(tmp_path, {"image": {"file": "i.onnx", "prepare": "picture", "options": options}}, 3)
    tower = make_tower("onnx", Modality.IMAGE, {"model": str(folder)})
    shown = pieces(tower, [Picture(checkpoints.pictures(1)[0])])
    with pytest.raises(NotFound, match="no file"):
        tower.encode(shown)
    (tmp_path / "i.onnx").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(Damaged, match="not a network"):
        tower.encode(shown)
    network(tmp_path / "i.onnx", ["n", 5], onnx.TensorProto.FLOAT, [])
    with pytest.raises(Damaged, match="refuses its input"):
        tower.encode(shown)
    with pytest.raises(BadInput, match="no tower for text"):
        _ = make_tower("onnx", Modality.TEXT, {"model": str(folder)}).preparation
    with pytest.raises(BadInput, match="batch=0"):
        make_tower("onnx", Modality.IMAGE, {"model": str(folder), "batch": 0})
