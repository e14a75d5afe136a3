"""The restricted unpickler against files that want more than to be read, and safetensors with their hash."""

from __future__ import annotations

import io
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import (
    load_weights,
    read_checkpoint,
    save_weights,
    sha256_of,
)
from specviz.models.restricted_unpickler import ForeignObject


class Calls:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def archive(path: Path, data_pickle: bytes, **records: bytes) -> Path:
    """A torch archive around a hand-made pickle."""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("archive/data.pkl", data_pickle)
        out.writestr("archive/version", b"3\n")
        out.writestr("archive/byteorder", b"little")
        for key, content in records.items():
            out.writestr(f"archive/data/{key.removeprefix('r')}", content)
    return path


def test_plain_content_comes_back(tmp_path: Path) -> None:
    weight = torch.arange(12.0).view(3, 4)
    content = {
        "state_dict": OrderedDict(weight=weight, view=weight[1:, ::2], bias=torch.nn.Parameter(torch.ones(2))),
        "types": [torch.float16, torch.Size((2, 3)), {1, 2}, torch.tensor(3, dtype=torch.int64), None, True, 1.5],
        "half": torch.ones(2, dtype=torch.bfloat16),
        "empty": torch.zeros(0, 5),
    }
    path = tmp_path / "plain.ckpt"
    torch.save(content, path)
    found = read_checkpoint(path)
    state = found["state_dict"]
    assert type(state) is OrderedDict
    assert torch.equal(state["weight"], weight) and torch.equal(state["view"], weight[1:, ::2])
    assert isinstance(state["bias"], torch.nn.Parameter)
    assert found["types"] == content["types"]
    assert found["half"].dtype == torch.bfloat16 and found["empty"].shape == (0, 5)


def _hostile() -> list[tuple[str, Callable[[Path], Calls]]]:
    return [
        ("os.system", lambda p: Calls(os.system, f"touch {p}")),
        ("open", lambda p: Calls(open, str(p), "w")),
        ("eval", lambda p: Calls(eval, f"open({str(p)!r}, 'w')")),
        ("exec", lambda p: Calls(exec, f"open({str(p)!r}, 'w')")),
        ("Popen", lambda p: Calls(subprocess.Popen, ["touch", str(p)])),
        ("import", lambda p: Calls(__import__, "antigravity")),
        ("touch", lambda p: Calls(Path.touch, p)),
        ("write_text", lambda p: Calls(p.write_text, "written")),
        ("FileIO", lambda p: Calls(io.FileIO, str(p), "w")),
    ]


@pytest.mark.parametrize(("name", "make"), _hostile(), ids=[n for n, _ in _hostile()])
def test_hostile_files_are_refused_and_do_nothing(tmp_path: Path, name: str, make: Callable[[Path], Calls]) -> None:
    witness, path = tmp_path / "witness", tmp_path / "hostile.ckpt"
    torch.save({"state_dict": {"a": torch.ones(1)}, "trap": make(witness)}, path)
    with pytest.raises(CheckpointError, match=r"asks to run .* not opened"):
        read_checkpoint(path)
    assert not witness.exists()
    assert "antigravity" not in sys.modules


def test_calls_through_other_doors_are_inert(tmp_path: Path) -> None:
    """getattr, torch.load of embedded bytes and torch.save are on no list of dangers, and still do nothing."""
    witness, path = tmp_path / "witness", tmp_path / "sly.ckpt"
    inner = pickle.dumps(Calls(os.system, f"touch {witness}"))
    trap = [
        Calls(getattr, OrderedDict(a=1), "items"),
        Calls(torch.storage._load_from_bytes, inner),
        Calls(torch.save, 1, str(witness)),
    ]
    torch.save({"state_dict": {"a": torch.ones(1)}, "trap": trap}, path)
    content = read_checkpoint(path)
    assert not witness.exists()
    assert all(isinstance(item, ForeignObject) for item in content["trap"])
    assert torch.equal(content["state_dict"]["a"], torch.ones(1))


def test_no_module_is_imported_by_name(tmp_path: Path) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    sys.path.insert(0, str(tmp_path))
    try:
        path = archive(tmp_path / "x.ckpt", b"\x80\x02}X\x01\x00\x00\x00acevil_module\nThing\n)Rs.")
        content = read_checkpoint(path)
    finally:
        sys.path.remove(str(tmp_path))
    assert content["a"].name == "evil_module.Thing" and "evil_module" not in sys.modules


def test_foreign_containers_keep_their_content(tmp_path: Path) -> None:
    foreign_dict = b"cforeign\nAttributeDict\n)R(X\x01\x00\x00\x00kK\x07u"
    foreign_list = b"cforeign\nList\n)R(K\x01K\x02e"
    path = archive(
        tmp_path / "x.ckpt",
        b"\x80\x02}(X\x01\x00\x00\x00d" + foreign_dict + b"X\x01\x00\x00\x00l" + foreign_list + b"u.",
    )
    content = read_checkpoint(path)
    assert content["d"].entries == {"k": 7} and content["l"].elements == [1, 2]


def test_functions_on_the_list_cannot_be_altered(tmp_path: Path) -> None:
    before = torch._utils._rebuild_parameter.__dict__.copy()
    build = b"\x80\x02ctorch._utils\n_rebuild_parameter\n}X\x01\x00\x00\x00aK\x01sb."
    with pytest.raises(CheckpointError, match="alter the program"):
        read_checkpoint(archive(tmp_path / "x.ckpt", build))
    assert torch._utils._rebuild_parameter.__dict__ == before


def _tensor_pickle(count: int, size: int) -> bytes:
    """{"a": float32 tensor of ``size`` in a storage that claims ``count`` elements}."""

    def integer(n: int) -> bytes:
        return b"J" + n.to_bytes(4, "little", signed=True)

    storage = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + integer(count)
        + b"tQ"
    )
    rebuild = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"K\x00"
        + integer(size)
        + b"\x85K\x01\x85\x89ccollections\n"
    )
    return b"\x80\x02}X\x01\x00\x00\x00a" + rebuild + b"OrderedDict\n)RtRs."


def test_hand_made_tensor(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.ckpt", _tensor_pickle(4, 4), r0=torch.arange(4.0).numpy().tobytes())
    assert torch.equal(read_checkpoint(path)["a"], torch.arange(4.0))


@pytest.mark.parametrize(("count", "size"), [(1_000_000, 4), (1_000_000, 1_000_000), (4, 5), (4, -1), (-4, 4)])
def test_tensors_that_lie_about_their_size(tmp_path: Path, count: int, size: int) -> None:
    path = archive(tmp_path / "x.ckpt", _tensor_pickle(count, size), r0=bytes(16))
    with pytest.raises(CheckpointError, match=r"more data than there is|beyond its data"):
        read_checkpoint(path)


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        read_checkpoint(tmp_path / "absent.ckpt")
    with pytest.raises(CheckpointError, match="no file"):
        read_checkpoint(tmp_path)
    for content in (b"", b"<html>404</html>", pickle.dumps({"state_dict": {}}), b"PK\x03\x04 truncated"):
        path = tmp_path / "x.ckpt"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="no checkpoint"):
            read_checkpoint(path)
    legacy = tmp_path / "legacy.pt"
    torch.save({"a": torch.ones(1)}, legacy, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="zip layout"):
        read_checkpoint(legacy)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as out:
        out.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match="not of weights"):
        read_checkpoint(tmp_path / "other.zip")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="holds a list"):
        read_checkpoint(tmp_path / "list.pt")


def test_archive_that_swells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("archive/data.pkl", b"\x80\x02}.")
        out.writestr("archive/data/0", bytes(50_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(CheckpointError, match="unpacks to far more"):
        read_checkpoint(path)


def test_damaged_files_fail_clearly(tmp_path: Path) -> None:
    """150 mutations of a sound file: each is read, or refused with our error; nothing else escapes."""
    sound = tmp_path / "sound.ckpt"
    torch.save({"state_dict": {"a": torch.arange(64.0), "b": torch.ones(3, 3)}, "epoch": 3}, sound)
    data, dice, refused = sound.read_bytes(), random.Random(4), 0
    for i in range(150):
        broken = bytearray(data)
        if i % 3 == 0:
            del broken[dice.randrange(len(broken)) :]
        else:
            for _ in range(1 + i % 5):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
        path = tmp_path / "broken.ckpt"
        path.write_bytes(broken)
        try:
            assert isinstance(read_checkpoint(path), dict)
        except CheckpointError as error:
            refused += 1
            assert str(error).endswith(".")
    assert refused > 50


def test_safetensors_come_back_with_their_hash(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "w.safetensors"
    tensors = {"a": torch.randn(3, 4).T, "n": torch.tensor(5), "h": torch.ones(2, dtype=torch.float16)}
    digest = save_weights(path, tensors, {"name": "small", "version": "1"})
    assert digest == sha256_of(path) and len(digest) == 64
    found, metadata = load_weights(path, expected_sha256=digest.upper())
    assert metadata == {"name": "small", "version": "1"}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[k], tensors[k]) and found[k].dtype == tensors[k].dtype for k in tensors)
    assert save_weights(tmp_path / "again.safetensors", tensors, {"name": "small", "version": "1"}) == digest
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_safetensors_that_are_not_the_right_ones(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    digest = save_weights(path, {"a": torch.ones(2)})
    assert load_weights(path)[1] == {}
    with pytest.raises(CheckpointError, match="not the file it should be"):
        load_weights(path, expected_sha256="0" * 64)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="not the file it should be"):
        load_weights(path, expected_sha256=digest)
    with pytest.raises(CheckpointError, match="not a sound safetensors"):
        load_weights(path)
    with pytest.raises(CheckpointError, match="no file"):
        load_weights(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="cannot be read"):
        sha256_of(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_weights(path / "under_a_file" / "w.safetensors", {"a": torch.ones(2)})
