"""Recordings: where a number comes from is true, a file that is no record is refused, and a stopped one goes on."""

import json
import operator
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from residual.training import Recipe
from residual.vision.data import digits
from residual_book import recording
from residual_book.recording import (
    alone,
    check_same,
    commit,
    images_of,
    machine,
    provenance,
    read_record,
    spread,
    write_record,
)

RECIPE = Recipe(epochs=3, schedule="step")
RECORD = {"command": "residual-book degradation", "provenance": {"commit": "0" * 12}, "runs": []}
Git = Callable[..., str]


def test_provenance_says_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    before, made, after = datetime.now(UTC).date(), provenance(), datetime.now(UTC).date()
    assert before.isoformat() <= made.pop("date") <= after.isoformat()
    assert made == {
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "scikit-learn")},
    }
    assert f", {platform.machine()}" in made["machine"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fast GPU")
    assert machine() == f"{made['machine']}, Fast GPU"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Git]:
    """A repository that holds library and book, and git in it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    root = tmp_path / "repository"
    for package in (root / "book" / "residual_book", root / "src" / "residual"):
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
    monkeypatch.setattr(recording, "BOOK", root / "book" / "residual_book")

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    return root, git


def test_commit_of_unchanged_and_changed_code(repository: tuple[Path, Git]) -> None:
    root, git = repository
    assert commit() == "unknown"  # nothing is committed yet
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert commit() == head[:12]

    (root / "results.json").write_text("a recording in progress")
    assert commit() == head[:12]  # only the code decides
    for file in (root / "src" / "residual" / "new.py", root / "book" / "residual_book" / "new.py"):
        file.write_text("")
        assert commit() == head[:12] + "+changes"
        file.unlink()
    (root / "src" / "residual" / "__init__.py").write_text("x = 2\n")
    assert commit() == head[:12] + "+changes"
    git("commit", "--quiet", "-am", "second")
    assert commit() == git("rev-parse", "HEAD")[:12] != head[:12]


def test_commit_is_not_that_of_a_repository_the_code_is_only_installed_in(repository: tuple[Path, Git]) -> None:
    root, git = repository
    (root / ".gitignore").write_text("src/\nbook/\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "somebody's own work")
    assert commit() == "unknown"


def test_commit_outside_git(repository: tuple[Path, Git], monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = repository
    shutil.rmtree(root / ".git")
    assert commit() == "unknown"
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"  # nor without git


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=20)  # each flushes a file to disk
@given(runs=st.lists(values, max_size=4))
def test_records_come_back_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, runs: list[object]) -> None:
    path = tmp_path_factory.mktemp("records") / "record.json"
    write_record(path, {**RECORD, "runs": runs})
    assert read_record(path) == {**RECORD, "runs": runs}


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(path, RECORD)
    with pytest.raises(TypeError):
        write_record(path, {**RECORD, "runs": [object()]})
    assert read_record(path) == RECORD


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing"),
        (b"", "as JSON"),
        (b'{"command": "residual', "as JSON"),
        (b"\xff\xfe\xfa", "as JSON"),
        (b"[1, 2]", "got a list"),
        (b'{"provenance": {}}', "lacks command, runs"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{said}"):
        read_record(path)


def recorded(path: Path, recipe: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"data": "some", "command": "", "provenance": {}, "recipe": recipe, "runs": []}))
    return path


def test_a_recording_from_before_a_field_was_there_had_its_default(tmp_path: Path) -> None:
    older = {name: value for name, value in asdict(RECIPE).items() if name not in ("warmup", "label_smoothing")}
    out = recorded(tmp_path / "runs.json", older)
    check_same(out, RECIPE, label="some")
    with pytest.raises(ValueError, match=r"warmup=0\.0.* 0\.1"):
        check_same(out, Recipe(epochs=3, schedule="step", warmup=0.1), label="some")


def test_settings_count_and_seeds_do_not(tmp_path: Path) -> None:
    out = recorded(tmp_path / "runs.json", {**asdict(RECIPE), "seed": 7})
    check_same(out, RECIPE, label="some")
    with pytest.raises(ValueError, match=r"images=None.* 5"):
        check_same(out, RECIPE, label="some", images=5)
    with pytest.raises(ValueError, match=r"epochs=None.* 3"):
        check_same(recorded(tmp_path / "none.json", {}), RECIPE, label="some")


def test_jobs_come_back_in_their_order() -> None:
    assert spread(operator.mul, [(2, 3), (5, 7), (1, 1)], bar="products") == [6, 35, 1]


def test_alone_is_one_thread_from_the_seed_and_leaves_no_trace() -> None:
    state, drawn = torch.get_rng_state(), []
    torch.set_num_threads(2)
    try:
        for seed in (4, 4, 5):
            with alone(seed):
                assert torch.get_num_threads() == 1
                drawn.append(torch.rand(1).item())
        with pytest.raises(ZeroDivisionError), alone(4):
            drawn.append(1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert drawn[0] == drawn[1] != drawn[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_without_a_folder_the_images_are_the_digits() -> None:
    assert torch.equal(images_of(None).train_images, digits().train_images)
    assert images_of(None) is images_of(None)
