"""Code as pages show it: it fits its box, and is the program that is tested."""

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

import listings

INCLUDE = re.compile(r"^`{3,}\{literalinclude\} (\S+)\n((?::.*\n)*)", re.MULTILINE)

SOURCE = '''
    @cache
    def find(a: int, b: int = 1, *, key: str = "k", another_argument: float = 0.5) -> dict[str, int]:
        """Find it.

        At length.
        """
        # A comment of its own that is far too long for the box that it stands in and therefore goes on two lines.
        x = a + b  # a comment that would reach past the end of the box, and so stands above the line it speaks of
        y = [x]  # short
        if not y:  # type: ignore[unreachable]  # says why
            raise ValueError(f"y must hold {a:>{b}} values of {key!r} or more, it holds {len(y)}: {y}, which is odd")

        class Inner:
            """Only a docstring."""

        return {"a": x}  # fmt: skip
'''


def test_a_listing_is_the_program_without_its_docstrings() -> None:
    shown = listings.laid_out(SOURCE)
    assert listings.program(shown) == listings.program(textwrap.dedent(SOURCE))
    assert max(map(len, shown.splitlines())) <= listings.COLUMNS
    assert "At length" not in shown
    assert '"""Only a docstring."""' in shown  # the class would have no body
    assert "fmt:" not in shown
    assert "ignore" not in shown
    for comment in ("# A comment of its own", "# says why", "    # a comment that would reach", "y = [x]  # short"):
        assert comment in shown
    assert "two lines" in " ".join(shown.replace("#", " ").split())


def test_a_cell_keeps_its_docstrings() -> None:
    assert "At length." in listings.laid_out(SOURCE, docstrings=True)


def test_programs_that_differ_are_told_apart() -> None:
    one, other = 'def f():\n    """A."""\n    return 1\n', "def f():\n    return 2\n"
    assert listings.program(one) != listings.program(other)
    assert listings.program(one) == listings.program(other.replace("2", "1"))


def test_code_that_is_no_python_stops_the_build() -> None:
    with pytest.raises(SyntaxError):
        listings.laid_out("def f(:\n")


@pytest.mark.parametrize("line", ["x = 1", '    "' + 120 * "a" + '"', "    f'" + 30 * "{x} " + "'"])
def test_a_broken_string_is_the_same_string(line: str) -> None:
    assert ast.dump(ast.parse(f"f(\n{listings._broken(line)}\n)")) == ast.dump(ast.parse(f"f(\n{line}\n)"))


def test_every_listing_of_the_site_is_its_source(site: Path, root: Path) -> None:
    compared = 0
    for page in sorted((root / "book").rglob("*.md")):
        built = site / page.relative_to(root / "book").with_suffix(".html")
        if not built.is_file():
            continue
        wanted = [
            (Path(page.parent, file).resolve(), options[1], options[2], end[1] if end else None)
            for file, rest in INCLUDE.findall(page.read_text())
            if (options := re.search(r":(pyobject|start-at): (.+)", rest))
            for end in [re.search(r":end-before: (.+)", rest)]
        ]
        soup = BeautifulSoup(built.read_text(), "html.parser")
        shown = [box.get_text() for box in soup.select("div.literal-block-wrapper div.highlight-python pre")]
        assert len(shown) == len(wanted), page
        for text, (file, option, name, end) in zip(shown, wanted, strict=True):
            source = source_of(file, name) if option == "pyobject" else lines_of(file, name, end)
            assert listings.program(text) == listings.program(source), f"{page}: {name} of {file}"
            assert max(map(len, text.splitlines())) <= listings.COLUMNS
            compared += 1
    assert compared


def lines_of(file: Path, start: str, end: str | None) -> str:
    """The lines of a file from the first that holds `start`, up to the next that holds `end`, or all."""
    lines = file.read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if start in line)
    last = next((n for n, line in enumerate(lines) if n > first and end is not None and end in line), len(lines))
    return textwrap.dedent("\n".join(lines[first:last]))


def source_of(file: Path, name: str) -> str:
    """What a file defines under a dotted name."""
    text, node = file.read_text(), ast.parse(file.read_text())
    found: Any = node  # each kind of node has other attributes
    for part in name.split("."):
        found = next(n for n in found.body if getattr(n, "name", None) == part)
    first = min([found, *found.decorator_list], key=lambda n: n.lineno)
    lines = text.splitlines()[first.lineno - 1 : found.end_lineno]
    return textwrap.dedent("\n".join(lines))
