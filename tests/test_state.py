"""A saved state comes back to the bit, or is refused with its file and version."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from residual.storage import read_state, write_state

STATE = {
    "counts": np.arange(5),
    "hashes": np.array([2**64 - 1, 0], np.uint64),
    "empty": np.zeros(0),
    "names": ["a", "é"],
    "rows": 7,
    "none": None,
}


def test_there_and_back_and_equal_states_are_equal_bytes(tmp_path: Path) -> None:
    write_state(tmp_path / "one", "Thing", 3, STATE)
    write_state(tmp_path / "two", "Thing", 3, dict(reversed(STATE.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    back = read_state(tmp_path / "one", "Thing", 3)
    assert back.keys() == STATE.keys()
    for name, value in STATE.items():
        if isinstance(value, np.ndarray):
            assert back[name].dtype == value.dtype
            assert np.array_equal(back[name], value)
        else:
            assert back[name] == value


@pytest.mark.parametrize(("found", "age"), [(2, "older"), (4, "newer")])
def test_another_version_is_refused(tmp_path: Path, found: int, age: str) -> None:
    path = tmp_path / "state"
    write_state(path, "Thing", found, STATE)
    with pytest.raises(ValueError, match="version") as error:
        read_state(path, "Thing", 3)
    assert str(error.value) == (
        f"{path}: its state has version {found}, {age} than version 3, the only one that this package reads;"
        " fit again, or use the package that wrote it"
    )


def test_what_is_foreign_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(ValueError, match=r"is missing: expected the saved state of a Thing$"):
        read_state(path, "Thing", 3)
    write_state(path, "Other", 3, STATE)
    with pytest.raises(ValueError, match=r"expected the saved state of a Thing, got that of Other$"):
        read_state(path, "Thing", 3)
    for metadata in (
        None,
        {"other": "x"},
        {"residual": "not JSON"},
        {"residual": "[]"},
        {"residual": '{"kind": "Thing"}'},
    ):
        save_file({"a": np.zeros(2)}, path, metadata=metadata)
        with pytest.raises(ValueError, match="state: expected the saved state of a Thing, got"):
            read_state(path, "Thing", 3)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not this", bytes(100)])
def test_damage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="state: expected the saved state of a Thing, got a damaged or foreign file"):
        read_state(path, "Thing", 3)
    write_state(path, "Thing", 3, STATE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged"):
        read_state(path, "Thing", 3)
