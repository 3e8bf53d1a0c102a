"""The built site, and a small book to break on purpose."""

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(Path(__file__).parent)]

from small_book import SmallBook  # noqa: E402  # found only now


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def site(root: Path) -> Path:
    """The site that `make site` wrote."""
    folder = root / "_build" / "html"
    if not (folder / "index.html").is_file():
        pytest.fail(f"{folder} has no site: run make site first")
    return folder


@pytest.fixture(scope="session")
def built_book(tmp_path_factory: pytest.TempPathFactory) -> SmallBook:
    """A good small book, built once. Tests that change it take `small_book`."""
    book = SmallBook.write(tmp_path_factory.mktemp("small") / "böok")  # not everybody's folders are ASCII
    build = book.build()
    assert build.code == 0, build.output
    assert sorted(build.ran) == ["alone", "chain", "reader"]
    return book


@pytest.fixture
def small_book(built_book: SmallBook, tmp_path: Path) -> SmallBook:
    """A copy of the built small book, results of runs included."""
    folder = tmp_path / built_book.folder.name
    shutil.copytree(built_book.folder, folder, symlinks=True)
    return SmallBook(folder)
