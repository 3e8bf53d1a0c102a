"""Each page that runs code, as a notebook to download that reads like the page.

The site's HTML has everything resolved (numbers, citations, included code), and the executed notebook has every cell with
its outputs. So a notebook is the page's HTML turned back into plain Markdown, with the executed cells in their places.
"""

import posixpath
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx

from execution import KEY, PageError, executed_path, root_of
from presentation import repository
from residual.files import write_atomically

HEADINGS = re.compile(r"^h[1-6]$")
# In the Markdown on its way: where a cell of the notebook begins, what a code cell is, and a heading that starts collapsed.
SPLIT, CODE, COLLAPSED = "\ue000", "\ue001", "\ue002"

INSTALL = """\
# Where the book's package is not installed yet, fetch it and install it (a few minutes).
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("residual") is None:
    !git clone --quiet --depth 1 {address}.git {folder}
    %pip install --quiet --editable "{folder}[book]"
    sys.path.insert(0, str(Path("{folder}/src").resolve()))  # this kernel started before the package was there"""
NEEDS = """\
> This notebook needs the package `residual` of the book *{title}*. In a copy of the book's repository, `make setup`
> installs it."""


class Markdown(MarkdownConverter):  # type: ignore[misc]  # markdownify is untyped
    """Markdown as JupyterLab reads it: formulas between dollars, diagrams as fences, admonitions as quotes."""

    class Options:
        heading_style = ATX
        bullets = "-"
        sub_symbol = "<sub>"
        sup_symbol = "<sup>"
        wrap = True  # one line a paragraph,
        wrap_width = None  # however long

    def escape(self, text: str, parent_tags: set[str]) -> str:
        return re.sub(r"[\\`*<$~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)

    def convert_hN(self, n: int, el: Tag, text: str, parent_tags: set[str]) -> str:  # noqa: N802
        collapsed = COLLAPSED if "collapsed" in el.get("class", ()) else ""
        return f"\n\n{SPLIT}{collapsed}{'#' * n} {text.strip()}\n\n"

    def convert_p(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        bold = {"admonition-title", "sidebar-title", "topic-title", "rubric"} & set(el.get("class", ()))
        return str(super().convert_p(el, f"**{text.strip()}**" if bold else text, parent_tags))

    def convert_span(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        classes = el.get("class", ())
        if "math" in classes:
            return f"${_tex(el)}$"
        return f"**{text.strip()}.** " if "caption-number" in classes else text

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        classes = set(el.get("class", ()))
        if "math" in classes:
            number = el.find(class_="eqno")
            tag = f" \\tag{{{number.extract().get_text().strip('()')}}}" if number else ""
            return f"\n\n$$ {_tex(el)}{tag} $$\n\n"
        if "admonition" in classes:
            return str(self.convert_blockquote(el, text, parent_tags))
        if "citation" in classes:
            return f"- {text.strip()}\n"
        if "sd-card-title" in classes:
            return f"\n\n**{text.strip()}**\n\n"
        return str(super().convert_div(el, text, parent_tags))

    def convert_aside(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return str(self.convert_blockquote(el, text, parent_tags))

    def convert_label(self, el: Tag, text: str, parent_tags: set[str]) -> str:  # of a tab
        return f"\n\n**{text.strip()}**\n\n"

    def convert_dt(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{text.strip()}**\n\n"

    def convert_dd(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_details(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n<details>\n{text.strip()}\n\n</details>\n\n"

    def convert_summary(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"<summary>{text.strip()}</summary>\n\n"

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        box = el.find_parent(class_=re.compile("^highlight-"))
        names = [name.removeprefix("highlight-") for name in box["class"]] if box else el.get("class", [])
        language = {"ipython3": "python", "default": "", "none": "", "text": ""}.get(names[0], names[0]) if names else ""
        code = el.get_text().strip("\n") if box else el.get_text().strip()
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
        return f"\n\n{fence}{language}\n{code}\n{fence}\n\n"

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return str(super().convert_td(el, re.sub(r"(?<!\\)\|", r"\\|", text), parent_tags))

    def convert_footer(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{SPLIT}---\n\n{text.strip()}\n\n"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        raise PageError(f"a picture outside of a code cell is not carried into the notebook: {str(el)[:200]}")

    convert_svg = convert_img


def _tex(el: Tag) -> str:
    """A formula on one line: in a quote, the `>` of a second line would become part of it."""
    lines = (re.sub(r"(?<!\\)%.*", "", line) for line in el.get_text().splitlines())
    tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", " ".join(" ".join(lines).split())).strip()
    tex = re.sub(r"\\(begin|end)\{equation\*?\}", "", tex)  # these stand without dollars, or between them fail
    return re.sub(r"\\(begin|end)\{(align|gather)\*?\}", r"\\\1{\2ed}", tex).strip()


def to_markdown(body: str, docname: str, *, notebooks: Collection[str]) -> Iterator[str]:
    """The cells of a page's HTML in order: Markdown, or `CODE` where the page shows a code cell.

    Args:
        body: the page, as the theme gets it.
        docname: of the page.
        notebooks: the names of the pages that a link may lead to, for they have notebooks.
    """
    soup = BeautifulSoup(body, "html.parser")
    for junk in soup.select(
        ".headerlink, .backrefs, .citation .label, .sd-summary-state-marker, .toctree-wrapper, script, style, input"
    ):
        junk.extract()
    for number in soup.select(".admonition-title .caption-number"):
        number.unwrap()
    for box in soup.select("div.exercise, div.solution"):
        _flatten(box)
    for box in soup.select("div.dropdown.admonition"):
        box.name, box.p.name = "details", "summary"
    for content in soup.select('[id$="-content"]'):  # sections without a heading
        content.unwrap()
    for link in soup.find_all("a", href=True):
        target = _target(soup, link["href"], docname, notebooks)
        if target is None:
            link.unwrap()
        else:
            link.attrs = {"href": target}
    for cell in soup.select("div.cell"):
        captions = [caption.extract() for caption in cell.find_all("figcaption")]
        place = soup.new_tag("div")
        place.append(f"{SPLIT}{CODE}{SPLIT}")
        cell.replace_with(place, *captions)
    for piece in Markdown().convert_soup(soup).split(SPLIT):
        if piece.strip():
            yield piece.strip()


def _flatten(box: Tag) -> None:
    """An exercise or a solution as a heading and what stands under it, for it may have code cells."""
    section = box.find_parent("section")
    level = int(section.find(HEADINGS).name[1]) if section else 1
    solution = "solution" in box["class"]
    title = box.find(class_="admonition-title")
    title.name = f"h{min(6, level + (2 if solution else 1))}"
    title.string = " ".join(title.get_text().split())
    # JupyterLab hides all that follows up to the next heading, so there must be one.
    collapsed = solution and "dropdown" in box["class"] and _heading_follows(box)
    title.attrs = {"id": box.get("id"), "class": ["collapsed"] if collapsed else []}
    box.unwrap()


def _heading_follows(el: Tag) -> bool:
    following = el.find_next_sibling()
    while following is None and el.parent:
        el = el.parent
        following = el.find_next_sibling()
    return following is not None and (
        following.name == "section" or bool({"exercise", "solution"} & set(following.get("class", ())))
    )


def _target(soup: BeautifulSoup, href: str, docname: str, notebooks: Collection[str]) -> str | None:
    """Where a link of the page leads to from its notebook, or None where there is no such place."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href
    if parts.path:
        page = parts.path.removesuffix(".html")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(docname), page))
        return f"{page}.ipynb" if there in notebooks else None
    place = soup.find(id=unquote(parts.fragment))
    if place is None:
        return None
    if citation := place.find_parent(class_="citation") or ("citation" in place.get("class", ()) and place):
        work = citation.find("a", href=re.compile("^https?://"))
        return work["href"] if work else None
    if not HEADINGS.match(place.name):
        section = place if place.name == "section" else place.find_parent("section")
        place = section and section.find(HEADINGS)
    return "#" + quote(" ".join(place.get_text().split()).replace(" ", "-")) if place else None


def start(address: str | None, title: str) -> NotebookNode:
    """The first cell: gets the package where the repository's `address` is known, else says that it is needed."""
    if address is None:
        return new_markdown_cell(NEEDS.format(title=title))
    code = INSTALL.format(address=address, folder=address.rsplit("/", 1)[1])
    return new_code_cell(code, metadata={"tags": ["install"]})


def _cleaned(cell: NotebookNode) -> NotebookNode:
    """A code cell without what only the site needs; what the page hides is folded."""
    tags = cell.metadata.get("tags", [])
    hides = {part for tag in tags for part in re.findall("^(?:hide|remove)[-_](input|output|cell)$", tag)}
    folded = {"source_hidden": {"input", "cell"} & hides, "outputs_hidden": {"output", "cell"} & hides}
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if hides:
        metadata["jupyter"] = {name: True for name, wanted in folded.items() if wanted}
    outputs = [
        output
        for output in cell.outputs
        if not all(kind.startswith("application/papermill.record/") for kind in output.get("data", {"text": ""}))
    ]
    for output in outputs:
        if "metadata" in output:
            output.metadata = {kind: value for kind, value in output.metadata.items() if "/" in kind}
    return new_code_cell(cell.source, metadata=metadata, outputs=outputs, execution_count=cell.execution_count)


def _is_shown(cell: NotebookNode) -> bool:
    tags = {tag.replace("_", "-") for tag in cell.metadata.get("tags", [])}
    return "remove-cell" not in tags and not {"remove-input", "remove-output"} <= tags


def to_notebook(
    body: str, executed: NotebookNode, docname: str, *, notebooks: Collection[str], first: NotebookNode
) -> NotebookNode:
    """The page as a notebook; code cells that the page does not show stand before the next one that it does.

    Raises:
        PageError: where the page does not show as many code cells as its run has.
    """
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    pieces = list(to_markdown(body, docname, notebooks=notebooks))
    shown, ran = pieces.count(CODE), sum(map(_is_shown, code))
    if shown != ran:
        raise PageError(f"{docname} shows {shown} code cells, but {ran} of those that ran are to be shown")
    cells = [first]
    for piece in pieces:
        if piece == CODE:
            while not _is_shown(code[0]):
                cells.append(_cleaned(code.pop(0)))
            cells.append(_cleaned(code.pop(0)))
        else:
            metadata = {"jp-MarkdownHeadingCollapsed": True} if piece.startswith(COLLAPSED) else {}
            cells.append(new_markdown_cell(piece.removeprefix(COLLAPSED), metadata=metadata))
    cells += map(_cleaned, code)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # not by chance: the same page gives the same file
    kept = {name: executed.metadata[name] for name in ("kernelspec", "language_info")}
    return new_notebook(cells=cells, metadata={**kept, "provenance": executed.metadata[KEY]["provenance"]})


def _pages(app: Sphinx) -> set[str]:
    """The pages that have a notebook."""
    return {
        name
        for name in app.env.found_docs
        if name not in app.config.pages_without_code and executed_path(app, name).exists()
    }


def offer_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Have the theme show its download button for the notebook."""
    if pagename in _pages(app):
        context["ipynb_source"] = f"{pagename}.ipynb"


def write_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    pages = _pages(app)
    if pagename not in pages:
        return
    executed = nbformat.read(executed_path(app, pagename), as_version=4)
    first = start(repository(root_of(app)), app.config.project)
    notebook = to_notebook(context["body"], executed, pagename, notebooks=pages, first=first)
    path = Path(app.outdir, "_sources", f"{pagename}.ipynb")
    write_atomically(path, f"{nbformat.writes(notebook)}\n".encode())


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("presentation")
    app.connect("html-page-context", offer_notebook, priority=499)  # the theme makes its buttons at 501
    # After the page's foot is there, and after the theme has copied MyST-NB's own notebook for the launch buttons.
    app.connect("html-page-context", write_notebook, priority=700)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
