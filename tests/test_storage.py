"""A file is written whole or not at all, and tensors come back as they were."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from residual.storage import read_tensors, write_atomically, write_tensors


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    for content in (b"first", b"", bytes(range(256)) * 1000):
        write_atomically(path, content)
        assert path.read_bytes() == content
        assert os.listdir(path.parent) == ["file.bin"]
        assert path.stat().st_mode & 0o777 == 0o644  # others may read it


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]  # nor is anything left beside it


def test_content_is_on_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that loses power after the rename must not find an empty file under the name."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def sync(handle: int) -> None:
        assert os.fstat(handle).st_size == 7
        calls.append("fsync")
        fsync(handle)

    def rename(source: str, destination: Path) -> None:
        calls.append("replace")
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    write_atomically(tmp_path / "file", b"content")
    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path: Path, call: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = f"""
import os, signal, sys
from pathlib import Path
from residual.storage import write_atomically
os.{call} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(Path(sys.argv[1]), b"new")
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


TENSORS = {
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "channels last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "scalar": torch.tensor(7),
}


@pytest.mark.parametrize("library", ["pt", "np"])
@pytest.mark.parametrize("metadata", [None, {"text": "ä"}])
def test_tensors_and_arrays_come_back_as_they_were(tmp_path: Path, library: str, metadata: dict[str, str]) -> None:
    path = tmp_path / "t.safetensors"
    written = TENSORS if library == "pt" else {name: value.numpy() for name, value in TENSORS.items()}
    write_tensors(path, written, metadata)
    tensors, texts = read_tensors(path, what="tensors", library=library)
    assert texts == (metadata or {})
    assert tensors.keys() == written.keys()
    for name, value in written.items():
        assert type(tensors[name]) is type(value)
        assert tensors[name].dtype == value.dtype
        assert tensors[name].tolist() == value.tolist()
    if library == "pt":  # nor does anybody else see a difference
        assert path.read_bytes() == save({name: value.contiguous() for name, value in TENSORS.items()}, metadata)


def test_a_file_without_tensors_may_have_texts(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t.safetensors", {}, {"a": "b"})
    assert read_tensors(tmp_path / "t.safetensors", what="texts") == ({}, {"a": "b"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing: expected a saved thing"),
        (b"", r"expected a saved thing, got a damaged or foreign file \(it is empty\)"),
        (b"\x08\0\0\0\0\0\0\0{", "expected a saved thing, got a damaged or foreign file: "),
        (b'\x08\0\0\0\0\0\0\0{"a":', r"got a damaged or foreign file \(a safetensors file\): "),
    ],
)
def test_files_that_hold_no_tensors_are_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "t.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as caught:
        read_tensors(path, what="a saved thing")
    assert str(caught.value).startswith(str(path))
