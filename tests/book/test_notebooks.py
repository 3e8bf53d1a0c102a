"""Every page that runs code is a notebook to download, which reads like the page and runs by itself."""

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import MagicMock, call

import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from small_book import ROOT, SmallBook

from execution import side_by_side
from notebook_text import Text, cells_of
from notebooks import start, to_notebook
from page_run import KEY, PageError

PAGES = {
    path.relative_to(ROOT / "book").with_suffix("").as_posix(): path
    for path in sorted((ROOT / "book").rglob("*.md"))
    if "{code-cell}" in path.read_text()
}
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
Runs = dict[str, NotebookNode | Exception]
every_page = pytest.mark.parametrize("page", PAGES)

MYST = re.compile(r"^\s*:::|^\s*```\{|\{[\w:-]+\}`|^\([\w-]+\)=$|^%|\]\((?!https://)[^)]*\.(?:md|html)\b", re.MULTILINE)
HTML = re.compile(r"<(?!https?://|/?(?:details|summary|sub|sup)>)[a-z/!][^>]*>")


def code_of(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose_of(notebook: NotebookNode) -> list[str]:
    """The text cells without code, diagrams and formulas."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    fence = re.compile(r"^[ >]*(`{3,})[a-z]*\n.*?\n[ >]*\1$", re.MULTILINE | re.DOTALL)
    # A code span leaves a tick, so that a role's is seen.
    spans = [re.sub(r"(`+)[^`].*?\1", "`", fence.sub("", text)) for text in texts]
    return [re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", text) for text in spans]


def faults_of(notebook: NotebookNode, folder: Path) -> Iterator[str]:
    """What a reader would stumble over: the site's syntax, and links that lead nowhere."""
    nbformat.validate(notebook)
    names = {cell.id for cell in notebook.cells}
    prose = prose_of(notebook)
    headings = {
        "-".join(match[1].replace("`", "").split())
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for match in re.finditer(r"^#+ (.+)$", cell.source, re.MULTILINE)
    }
    for text in prose:
        yield from (f"left over: {match[0]}" for pattern in (MYST, HTML) for match in pattern.finditer(text))
        yield from (f"a mark: {mark!r}" for mark in re.findall("[\ue000-\uf8ff]", text))
        for link in re.findall(r"\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)", text):
            leads = (
                link.removeprefix("#cell-id=") in names
                if link.startswith("#cell-id=")
                else link.removeprefix("#") in headings
                if link.startswith("#")
                else link.startswith("https://") or (link.endswith(".ipynb") and (folder / link).is_file())
            )
            if not leads:
                yield f"leads nowhere: {link}"


def said_by(notebook: NotebookNode) -> list[str]:
    """What each cell put out as text, but for warnings and values that only the site wants."""
    return [
        "".join(
            output.text if output.output_type == "stream" else output.data["text/plain"]
            for output in cell.outputs
            if output.get("name") == "stdout" or "text/plain" in output.get("data", {})
        )
        for cell in code_of(notebook)
    ]


@pytest.fixture
def notebook(page: str, site: Path) -> NotebookNode:
    path = site / "_sources" / f"{page}.ipynb"
    assert path.is_file(), f"{page} runs code, but there is no notebook of it at {path}"
    return nbformat.read(path, as_version=4)


def test_there_are_pages() -> None:
    assert PAGES


@every_page
def test_the_page_offers_its_notebook(page: str, site: Path) -> None:
    html = site / f"{page}.html"
    links = BeautifulSoup(html.read_text(), "html.parser").select('a[title="Download notebook file"]')
    assert [(html.parent / str(a["href"])).resolve() for a in links] == [
        (site / "_sources" / f"{page}.ipynb").resolve()
    ]


@every_page
def test_it_reads_well(page: str, notebook: NotebookNode, site: Path) -> None:
    assert list(faults_of(notebook, (site / "_sources" / page).parent)) == []
    assert notebook.metadata.keys() == {"kernelspec", "language_info", "provenance"}
    assert notebook.cells[-1].source.startswith("---\n\nRun in "), "the foot comes last"
    assert any(cell.source.startswith("# ") for cell in notebook.cells[:2])


@every_page
def test_it_has_the_code_of_the_page_with_outputs_and_captions(page: str, notebook: NotebookNode) -> None:
    theirs = code_of(read_myst_markdown_notebook(PAGES[page].read_text(), path=PAGES[page]))
    ours = [cell for cell in code_of(notebook) if "install" not in cell.metadata.get("tags", ())]
    assert [cell.source for cell in ours] == [cell.source for cell in theirs]
    for cell, shown in zip(theirs, ours, strict=True):
        if "figure" in cell.metadata.get("mystnb", {}):
            kinds = {kind for output in shown.outputs for kind in output.get("data", ())}
            assert {"image/svg+xml", "image/png"} <= kinds, cell.source
            below = notebook.cells[notebook.cells.index(shown) + 1]
            assert re.match(r"\*\*Fig\. \d+\.\d+\.\*\* \S", below.source), below.source


def quickest(site: Path) -> list[str]:
    """The page of each part that took the least time in the build."""
    seconds = {
        page: nbformat.read(site.parent / "executed" / f"{page}.ipynb", 4).metadata[KEY]["seconds"] for page in PAGES
    }
    parts = {page.partition("/")[0] for page in PAGES}
    return sorted(min((p for p in PAGES if p.startswith(f"{part}/")), key=seconds.__getitem__) for part in parts)


@pytest.fixture(scope="module")
def runs(site: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A notebook of each part, run alone in an empty folder; side by side, as the build runs pages."""
    wanted = quickest(site)

    async def run(page: str) -> NotebookNode | Exception:
        alone = nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4)
        for cell in code_of(alone):
            cell.outputs = []
        client = NotebookClient(
            alone,
            timeout=600,
            resources={"metadata": {"path": str(tmp_path_factory.mktemp("alone"))}},
            extra_arguments=["--log-level=ERROR"],
        )
        try:
            await client.async_execute(env={**os.environ, "OMP_NUM_THREADS": "1", "RESIDUAL_WORKERS": "1"})
        except FAILURES as error:
            return error
        return alone

    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nRunning {len(wanted)} notebooks: {', '.join(wanted)}")
    return dict(zip(wanted, asyncio.run(side_by_side([partial(run, page) for page in wanted])), strict=True))


def test_one_of_each_part_runs_by_itself_and_says_the_same(site: Path, runs: Runs) -> None:
    """The others have the code of their pages (see above), which the build runs in an empty folder, too."""
    assert {page.partition("/")[0] for page in runs} == {page.partition("/")[0] for page in PAGES}
    for page, ran in runs.items():
        assert not isinstance(ran, Exception), (page, ran)
        assert said_by(ran) == said_by(nbformat.read(site / "_sources" / f"{page}.ipynb", as_version=4))


@pytest.mark.parametrize(
    "text",
    [
        "The answer is {glue:text}`answer`.",
        "As {cite:t}`he2015` say.",
        "```{note}\nText.\n```",
        ":::{note}\nText.\n:::",
        "(label)=\n## A heading",
        "See [the page](page.md).",
        "See [the page](../page.html#part).",
        "See [the page](missing.ipynb).",
        "See [here](#No-such-heading).",
        "See [here](#cell-id=no-such-cell).",
        '<span class="math">x</span>',
        "A mark \ue000 left.",
    ],
)
def test_a_fault_would_be_seen(text: str, tmp_path: Path) -> None:
    assert list(faults_of(new_notebook(cells=[new_markdown_cell(text)]), tmp_path))


# A page with one of everything.
FULL = r"""Costs \$5, a_b, 5\*6\*7 and `x | y`, where a < b. See [chain](chain.md), [the appendix](appendix.md),
{ref}`the tables <tables>`, {numref}`fig-dot`, {numref}`tab-list`, {eq}`eq-sum`, {prf:ref}`thm-all`, {ref}`ex-find`,
[a site](https://example.org/a_b), {cite:p}`he2015`, and {cite:t}`he2016`.

```{code-cell} ipython3
:tags: [remove-cell]

from myst_nb import glue
glue("three", 3, display=False)
```

```{code-cell} ipython3
:tags: [hide-input]
:mystnb:
:  figure:
:    name: fig-dot
:    caption: A *dot* of size $x^2$.
import base64
from IPython.display import display
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
display({"image/png": png, "text/plain": "a dot"}, raw=True)
```

There are {glue:text}`three`.

(tables)=
## Tables, in short

| a | b |
|---|---|
| `x \| y` | one \| two |

```{list-table} Listed
:name: tab-list
:header-rows: 1

* - One
  - Two
* - $|x|$
  - 2
```

## The "quoted" heading

$$
a &= b \\
c &= d  % a comment
$$ (eq-sum)

\begin{align}
x &= 1
\end{align}

:::{note}
A note with a formula on two lines:

$$
x = 1 +
2
$$
:::

:::{tip}
:class: dropdown
Hidden *tip*.
:::

```{prf:theorem} All $n$
:label: thm-all

For all $n$.
```

```{dropdown} Proof
Inside **bold**.
```

```{mermaid}
graph LR
    a --> b
```

```{literalinclude} ../src/tiny/deep.py
:language: python
:caption: One constant
```

Term
: Its meaning.

## Exercises

```{exercise} What is $x$?
:label: ex-find

Find it.
```

````{solution-start} ex-find
:class: dropdown
````

```{code-cell} ipython3
:tags: [raises-exception]
1 / 0
```

Nothing, by {eq}`eq-sum`.

````{solution-end}
````

```{exercise}
:label: ex-untitled
Untitled.
```

```{solution} ex-untitled
:class: dropdown
Text only.
```

```{code-cell} ipython3
:tags: [remove-cell]
last = 1
```

## References

```{bibliography}
:filter: docname in docnames
```
"""

READS = [
    r"Costs \$5, a_b, 5\*6\*7 and `x | y`, where a \< b. See [chain](chain.ipynb), the appendix, "
    "[the tables](#Tables,-in-short), [Fig. 1](#Page-full), [Table 1](#Tables,-in-short), "
    "[(1)](#cell-id=the-quoted-heading), [Theorem 1](#cell-id=the-quoted-heading), [Exercise 1](#cell-id=ex-find), "
    "[a site](https://example.org/a_b), [[He *et al.*, 2015a](https://arxiv.org/abs/1512.03385)], "
    "and He *et al.* [[2016](https://arxiv.org/abs/1603.05027)].",
    "**Fig. 1.** A *dot* of size $x^2$.\n\nThere are 3.",
    "| a | b |\n| --- | --- |\n| `x \\| y` | one \\| two |",
    "**Table 1.** Listed\n\n| One | Two |\n| --- | --- |\n| $\\vert x\\vert $ | 2 |",
    r"$$ \begin{split} a &= b \\ c &= d \end{split} \tag{1} $$",
    r"$$ \begin{aligned} x &= 1 \end{aligned} \tag{2} $$",
    "> **Note**\n>\n> A note with a formula on two lines:\n>\n> $$ x = 1 + 2 $$\n",
    "<details>\n<summary>Tip</summary>\n\nHidden *tip*.\n\n</details>",
    "> **Theorem 1 (All $n$)**\n>\n> For all $n$.",
    "<details>\n<summary>Proof</summary>\n\nInside **bold**.\n\n</details>",
    "```mermaid\ngraph LR\n    a --> b\n```",
    "**Listing 1.** One constant\n\n```python\nCONSTANT = 21\n```",
    "**Term**\n\nIts meaning.",
    "### Exercise 1 (What is $x$?)\n\nFind it.",
]


@pytest.fixture(scope="module")
def full_book(built_book: SmallBook, tmp_path_factory: pytest.TempPathFactory) -> SmallBook:
    """The small book with a page that has everything, in a repository whose address is known."""
    book = SmallBook(tmp_path_factory.mktemp("full") / "book")
    shutil.copytree(built_book.folder, book.folder, symlinks=True)
    book.page("full", FULL)
    book.contents("full", "chain", "reader", "alone", "appendix")
    origin = "remote add origin git@github.com:reader/tiny-book.git"
    for command in ("init --quiet", origin, "add requirements.txt"):
        subprocess.run(["git", "-C", book.folder, *command.split()], check=True)
    build = book.build()
    assert build.code == 0, build.output
    return book


@pytest.fixture(scope="module")
def full(full_book: SmallBook) -> NotebookNode:
    return nbformat.read(full_book.folder / "_build/html/_sources/full.ipynb", as_version=4)


def test_everything_reads_well(full: NotebookNode, full_book: SmallBook) -> None:
    assert list(faults_of(full, full_book.folder / "_build/html/_sources")) == []
    text = "\n\n".join(cell.source for cell in full.cells if cell.cell_type == "markdown")
    assert [expected for expected in READS if expected not in text] == []


def test_cells_stand_where_they_do_on_the_page(full: NotebookNode) -> None:
    assert [cell.source.split("\n")[0] for cell in full.cells] == [
        "# Where the book's code is not installed yet, fetch and install it (a few minutes).",
        "# Page full",
        "import os",
        READS[0],
        "from myst_nb import glue",
        "import base64",
        "**Fig. 1.** A *dot* of size $x^2$.",
        "## Tables, in short",
        "## The “quoted” heading",
        "## Exercises",
        "### Exercise 1 (What is $x$?)",
        "#### Solution to Exercise 1 (What is $x$?)",
        "1 / 0",
        "Nothing, by [(1)](#cell-id=the-quoted-heading).",
        "### Exercise 2",
        "#### Solution to Exercise 2",
        "Text only.",
        "## References",
        "last = 1",
        "---",
    ]


def test_what_the_page_hides_is_folded(full: NotebookNode) -> None:
    cells = {cell.source.split("\n")[0]: cell.metadata for cell in full.cells}
    folded = "jp-MarkdownHeadingCollapsed"
    assert [first for first, metadata in cells.items() if metadata.get(folded)] == [
        "#### Solution to Exercise 1 (What is $x$?)",
        "#### Solution to Exercise 2",
    ]
    assert cells["import base64"]["jupyter"] == {"source_hidden": True}
    assert cells["from myst_nb import glue"]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
    assert "jupyter" not in cells["1 / 0"]


def test_outputs_are_kept_but_for_the_values_in_the_text(full: NotebookNode) -> None:
    outputs = {cell.source.split("\n")[0]: cell.outputs for cell in code_of(full)}
    assert outputs["from myst_nb import glue"] == []
    assert outputs["import base64"][0].data["text/plain"] == "a dot"
    assert outputs["1 / 0"][0].ename == "ZeroDivisionError"


def test_the_same_page_gives_the_same_file(full_book: SmallBook) -> None:
    files = sorted((full_book.folder / "_build/html/_sources").glob("*.ipynb"))
    before = [file.read_bytes() for file in files]
    assert full_book.build().ran == []
    assert [file.name for file in files] == ["alone.ipynb", "chain.ipynb", "full.ipynb", "reader.ipynb"]
    assert [file.read_bytes() for file in files] == before


def test_without_an_address_nothing_is_fetched(built_book: SmallBook) -> None:
    notebook = nbformat.read(built_book.folder / "_build/html/_sources/chain.ipynb", as_version=4)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("> This notebook needs the packages of the book")
    assert "git clone" not in nbformat.writes(notebook)


@pytest.mark.parametrize("installed", [True, False])
def test_the_package_is_fetched_only_where_it_is_missing(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed else None)
    monkeypatch.setattr(sys, "path", [])
    shell = MagicMock()
    cell = start("https://example.org/reader/tiny-book", "A book")
    exec(TransformerManager().transform_cell(cell.source), {"get_ipython": lambda: shell})
    if installed:
        assert (shell.mock_calls, sys.path) == ([], [])
    else:
        assert shell.mock_calls == [
            call.system("git clone --quiet --depth 1 https://example.org/reader/tiny-book.git tiny-book"),
            call.run_line_magic("pip", 'install --quiet --editable "tiny-book[book]"'),
        ]
        assert sys.path == [str(Path("tiny-book", part).resolve()) for part in ("src", "book")]


@pytest.mark.parametrize("cells", [0, 2])
def test_a_cell_too_few_or_too_many_is_an_error(cells: int) -> None:
    executed = new_notebook(cells=[new_code_cell("1")], metadata={})
    body = "<section><h1>A</h1>" + '<div class="cell"></div>' * cells + "</section>"
    with pytest.raises(PageError, match=f"^a shows {cells} code cells, but of those that ran it should show 1$"):
        to_notebook(body, executed, "a", notebooks=(), first=new_markdown_cell("first"))


@pytest.mark.parametrize("picture", ['<img src="_images/a.png">', '<svg role="img"></svg>'])
def test_a_picture_from_no_cell_is_an_error(picture: str) -> None:
    with pytest.raises(PageError, match="a picture that no code cell draws"):
        list(cells_of(f"<p>{picture}</p>", "a", notebooks=()))


@pytest.mark.parametrize(
    ("href", "link"),
    [
        ("https://example.org/b.html", "https://example.org/b.html"),
        ("b.html", "b.ipynb"),
        ("b.html#there", "b.ipynb"),
        ("../part2/c.html", "../part2/c.ipynb"),
        ("../index.html", None),
        ("nothing.html", None),
        ("#here", "#A-(plain)-heading"),
        ("#fig", "#A-(plain)-heading"),
        ("#gone", None),
        ("#work", "https://example.org/work"),
        ("#unpublished", None),
    ],
)
def test_links(href: str, link: str | None) -> None:
    body = f"""<section id="here"><h2>A (plain) heading</h2><figure id="fig"></figure><p><a href="{href}">x</a></p>
        </section><section id="end"><h2>End</h2><div class="citation" id="unpublished"><p>A talk.</p></div>
        <div class="citation" id="work"><p><a href="https://example.org/work">It</a></p></div></section>"""
    first, _ = cells_of(body, "part1/a", notebooks={"part1/a", "part1/b", "part2/c"})
    assert first
    assert first.markdown == f"## A (plain) heading\n\n{f'[x]({link})' if link else 'x'}"


@given(st.text(alphabet="ab 01_*`$<>&;|()[]#+-.!~\\\\", min_size=1))
@example("a &lt; b")
@example("- 1. # [a](b) ![a](b) **c** __d__ ~~e~~ <f>")
def test_text_is_never_taken_for_markup(text: str) -> None:
    paragraph = BeautifulSoup("<p></p>", "html.parser")
    paragraph.p.string = text
    pieces = list(cells_of(str(paragraph), "a", notebooks=()))
    seen = [MarkdownIt("commonmark").enable("strikethrough").render(piece.markdown) for piece in pieces if piece]
    wanted = " ".join(text.split())
    assert [BeautifulSoup(html, "html.parser").get_text().strip() for html in seen] == ([wanted] if wanted else [])
    assert all(html.startswith("<p>") and html.count("<") == 2 for html in seen)


@given(st.text(alphabet="ab`~ \n", min_size=1).filter(str.strip))
def test_code_is_kept_to_the_letter(code: str) -> None:
    body = BeautifulSoup('<div class="highlight-python"><div class="highlight"><pre></pre></div></div>', "html.parser")
    body.pre.string = code
    (piece,) = cells_of(str(body), "a", notebooks=())
    assert isinstance(piece, Text)
    (token,) = MarkdownIt("commonmark").parse(piece.markdown)
    assert (token.type, token.info, token.content) == ("fence", "python", code.strip("\n") + "\n")
