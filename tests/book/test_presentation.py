"""What the site says only where it knows it."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes

import presentation


@pytest.mark.parametrize("address", ["https://example.org/reader/book", None])
def test_the_repository_is_linked_where_its_address_is_known(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.setattr(presentation, "repository", lambda root: address)
    monkeypatch.setattr(presentation, "root_of", lambda app: None)
    role = presentation.RepositoryLink()
    role.text = "its repository"
    role.inliner = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=SimpleNamespace(app=None))))
    ([node], messages) = role.run()
    assert node.astext() == "its repository"
    assert not messages
    assert (node["refuri"] if isinstance(node, nodes.reference) else None) == address


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True)


def a_repository(folder: Path) -> None:
    """With pins, as the book has, and an origin."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://github.com/reader/book.git")
    (folder / "requirements.txt").touch()
    git(folder, "add", "requirements.txt")


def test_the_origin_of_the_books_own_repository_is_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_repository(tmp_path)
    assert presentation.repository(tmp_path) == "https://github.com/reader/book"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))  # no git there
    assert presentation.repository(tmp_path) is None


@pytest.mark.parametrize("kept", [False, True], ids=["unpacked", "committed"])
def test_a_book_inside_anothers_repository_has_no_address(tmp_path: Path, kept: bool) -> None:
    a_repository(tmp_path)
    book = tmp_path / "vendor" / "book"
    book.mkdir(parents=True)
    (book / "requirements.txt").touch()
    if kept:
        git(tmp_path, "add", "vendor")
    assert presentation.repository(book) is None
