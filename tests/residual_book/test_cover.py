from pathlib import Path

import pytest

from residual_book import cover


@pytest.mark.parametrize("name", ["cover", "logo", "favicon"])
def test_pictures_in_the_book_are_those_the_code_draws(name: str, tmp_path: Path) -> None:
    cover.write(tmp_path)
    kept = Path(__file__).parents[2] / "book/_static" / f"{name}.svg"
    assert kept.read_text() == (tmp_path / f"{name}.svg").read_text(), "run: python -m residual_book.cover book/_static"
