"""Each page that runs code, as a notebook to download that runs and reads like the page.

The text comes from the page's HTML (`notebook_text.py`), the code cells with their outputs from the page's run. That
takes a third of a build's time, so a notebook is kept for as long as all that it is made of stays the same.
"""

import hashlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx

from execution import executed_path, root_of
from notebook_text import cells_of
from page_run import KEY, PageError
from presentation import repository, wide_and_narrow
from residual.storage import write_atomically
from residual_book.style import NARROW_SVG

MAKERS = (Path(__file__), Path(__file__).with_name("notebook_text.py"))
INSTALL = """\
# Where the book's code is not installed yet, fetch and install it (a few minutes).
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("residual_book") is None:
    !git clone --quiet --depth 1 {address}.git {folder}
    %pip install --quiet --editable "{folder}[book]"
    # This kernel started before the code was there.
    sys.path[:0] = [str(Path("{folder}", part).resolve()) for part in ("src", "book")]"""
NEEDS = (
    "> This notebook needs the packages of the book *{title}*. "
    "In a copy of the book's repository, `make setup` installs it."
)


def start(address: str | None, title: str) -> NotebookNode:
    """The first cell: gets the package where the repository's `address` is known, else says that it is needed."""
    if address is None:
        return new_markdown_cell(NEEDS.format(title=title))
    code = INSTALL.format(address=address, folder=address.rsplit("/", 1)[1])
    return new_code_cell(code, metadata={"tags": ["install"]})


def to_notebook(
    body: str, executed: NotebookNode, docname: str, *, notebooks: Collection[str], first: NotebookNode
) -> NotebookNode:
    """The page as a notebook; a code cell that the page does not show stands before the next one it does, or the foot.

    Args:
        body: the page's HTML.
        executed: the page's run.
        docname: of the page.
        notebooks: names of the pages that have notebooks.
        first: the cell to begin with.

    Raises:
        PageError: where the page does not show as many code cells as its run has.
    """
    pieces = list(cells_of(body, docname, notebooks=notebooks))
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    shown, ran = pieces.count(None), sum(map(_is_shown, code))
    if shown != ran:
        raise PageError(f"{docname} shows {shown} code cells, but of those that ran it should show {ran}")
    cells: list[NotebookNode] = []

    def add(cell: NotebookNode, name: str = "") -> None:
        cell.id = name or f"cell-{len(cells)}"  # not by chance: the same page gives the same file
        cells.append(cell)

    add(first)
    for piece in pieces:
        while code and not _is_shown(code[0]) and (piece is None or piece is pieces[-1]):
            add(_cleaned(code.pop(0)))
        if piece:
            metadata = {"jp-MarkdownHeadingCollapsed": True} if piece.folded else {}
            add(new_markdown_cell(piece.markdown, metadata=metadata), piece.name)
        else:
            add(_cleaned(code.pop(0)))
    kept = {name: executed.metadata[name] for name in ("kernelspec", "language_info")}
    return new_notebook(cells=cells, metadata={**kept, "provenance": executed.metadata[KEY]["provenance"]})


def _is_shown(cell: NotebookNode) -> bool:
    tags = {tag.replace("_", "-") for tag in cell.metadata.get("tags", ())}
    return "remove-cell" not in tags and not {"remove-input", "remove-output"} <= tags


def _cleaned(cell: NotebookNode) -> NotebookNode:
    """A code cell without what only the site needs, and with folded what the page hides."""
    tags = cell.metadata.get("tags", [])
    hidden = {part for tag in tags for part in re.findall(r"^(?:hide|remove)[-_](input|output|cell)$", tag)}
    folds = {"source_hidden": {"input", "cell"}, "outputs_hidden": {"output", "cell"}}
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if hidden:
        metadata["jupyter"] = {fold: True for fold, parts in folds.items() if parts & hidden}
    outputs = []
    for output in cell.outputs:
        if any(kind.startswith("application/papermill.record/") for kind in output.get("data", ())):
            continue  # a value for the page's text, which has it now
        if (drawing := output.get("data", {}).get("image/svg+xml", "")) and NARROW_SVG in drawing:
            output.data["image/svg+xml"] = wide_and_narrow(drawing)[0]  # the other layout is for the site on a phone
        if "metadata" in output:
            output.metadata = {kind: value for kind, value in output.metadata.items() if "/" in kind}
        outputs.append(output)
    return new_code_cell(cell.source, metadata=metadata, outputs=outputs, execution_count=cell.execution_count)


def pages(app: Sphinx) -> set[str]:
    """Names of the pages that have a notebook."""
    named = app.env.found_docs - app.config.pages_without_code.keys()
    return {name for name in named if executed_path(app, name).exists()}


def offer_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Have the theme show its download button."""
    if pagename in pages(app):
        context["ipynb_source"] = f"{pagename}.ipynb"


def write_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Write the notebook to where the button leads."""
    notebooks = pages(app)
    if pagename not in notebooks:
        return
    executed = executed_path(app, pagename)
    first = start(repository(root_of(app)), app.config.html_title)
    parts = [context["body"], executed.read_text(), first.source, *sorted(notebooks), *map(Path.read_text, MAKERS)]
    made_of = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    kept = Path(app.outdir).parent / "notebooks" / f"{pagename}.ipynb"
    mark = kept.with_suffix(".sha256")
    if not kept.exists() or not mark.exists() or mark.read_text() != made_of:
        run = nbformat.read(executed, as_version=4)
        notebook = to_notebook(context["body"], run, pagename, notebooks=notebooks, first=first)
        mark.unlink(missing_ok=True)  # where the build stops between the two files, neither is trusted
        write_atomically(kept, f"{nbformat.writes(notebook)}\n".encode())
        write_atomically(mark, made_of.encode())
    offered = Path(app.outdir, "_sources", f"{pagename}.ipynb")
    offered.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, offered)


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("presentation")
    app.connect("html-page-context", offer_notebook, priority=499)  # the theme makes its buttons at 501
    # After the foot is there, and after the theme has copied MyST-NB's own notebook for its launch buttons.
    app.connect("html-page-context", write_notebook, priority=700)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
