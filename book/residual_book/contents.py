"""Which folder of code belongs to which page: the table in `CONTRIBUTING.md`, made from the table of contents."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- made by `residual-book contents` -->", "<!-- end of what is made -->"


def pages(root: Path = ROOT) -> Iterator[str]:
    """The pages with code, in the order of the book, such as "part1/degradation"."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            if "{code-cell}" in (root / "book" / f"{chapter['file']}.md").read_text():
                yield chapter["file"]


def folder_of(page: str) -> str:
    """The folder of a page's code, such as `book/residual_book/part1/after_training` for part1/after-training."""
    return f"book/residual_book/{page.replace('-', '_')}"


def table(root: Path = ROOT) -> str:
    """One row per page: its title, its file, its folder of code with the modules in it, and its test."""
    rows = ["| Page | Text | Code | Test |", "|---|---|---|---|"]
    for page in pages(root):
        title = re.search(r"^# (.+)$", (root / "book" / f"{page}.md").read_text(), re.MULTILINE)
        modules = sorted(file.stem for file in (root / folder_of(page)).glob("[!_]*.py"))
        part, _, name = page.replace("-", "_").partition("/")
        cells = (
            title[1] if title else page,
            f"`book/{page}.md`",
            f"`{folder_of(page)}/`: {', '.join(modules)}",
            f"`tests/residual_book/{part}/test_{name}.py`",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def renewed(text: str, root: Path = ROOT) -> str:
    """The text of `CONTRIBUTING.md` with its table as it should be.

    Raises:
        ValueError: where the text does not say between which two lines the table stands.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"CONTRIBUTING.md must have a line {BEGIN} and, below it, a line {END}")
    return f"{before}{begin}\n{table(root)}\n{end}{after}"
