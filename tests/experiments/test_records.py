"""Records: where a number comes from is true, and a file that is no record is refused."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residual.experiments import records
from residual.experiments.records import commit, machine, provenance, read_record, write_record

RECORD = {"command": "residual degradation", "provenance": {"commit": "0" * 12}, "runs": []}
Git = Callable[..., str]


def test_provenance_says_what_runs() -> None:
    before, found, after = datetime.now(UTC).date(), provenance(), datetime.now(UTC).date()
    assert before.isoformat() <= found.pop("date") <= after.isoformat()
    assert found == {
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "scikit-learn": version("scikit-learn"),
    }


def test_machine_names_processor_and_architecture() -> None:
    processor, _, architecture = machine().rpartition(", ")
    assert processor
    assert architecture == platform.machine()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Git]:
    """A repository that holds the package, and git in it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    package = tmp_path / "repository" / "src" / "residual"
    (package / "experiments").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "experiments" / "records.py").write_text("x = 1\n")
    monkeypatch.setattr(records, "__file__", str(package / "experiments" / "records.py"))

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path / "repository"), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    return tmp_path / "repository", git


def test_commit_of_unchanged_and_changed_source(repository: tuple[Path, Git]) -> None:
    root, git = repository
    assert commit() == "unknown"  # nothing is committed yet
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert re.fullmatch("[0-9a-f]{40}", head)
    assert commit() == head[:12]

    (root / "results.json").write_text("a recording in progress")
    assert commit() == head[:12]  # only the source decides

    new = root / "src" / "residual" / "new.py"
    new.write_text("")
    assert commit() == head[:12] + "+changes"
    new.unlink()
    (root / "src" / "residual" / "experiments" / "records.py").write_text("x = 2\n")
    assert commit() == head[:12] + "+changes"

    git("commit", "--quiet", "-am", "second")
    assert git("rev-parse", "HEAD") != head
    assert commit() == git("rev-parse", "HEAD")[:12]


def test_commit_is_not_that_of_a_repository_the_package_is_only_installed_in(repository: tuple[Path, Git]) -> None:
    root, git = repository
    (root / ".gitignore").write_text("src/\n")
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
    assert path.read_text().endswith("}\n")


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(path, RECORD)
    with pytest.raises(TypeError):
        write_record(path, {**RECORD, "runs": [object()]})
    assert read_record(path) == RECORD


def test_a_missing_record_says_how_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(ValueError, match=re.escape(f"{path} is missing: it is recorded by a command")):
        read_record(path)


@pytest.mark.parametrize("content", [b"", b'{"command": "residual', b"\xff\xfe\xfa"])
def test_a_record_cut_off_or_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected a recorded run as JSON: ")):
        read_record(path)


def test_json_that_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("[1, 2]")
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected a recorded run as a JSON object, got a list")):
        read_record(path)
    path.write_text('{"provenance": {}}')
    with pytest.raises(ValueError, match=re.escape(f"{path} lacks command, runs: expected a recorded run")):
        read_record(path)
