"""A page's HTML, where every number, citation and included file is resolved, as Markdown that JupyterLab shows well."""

import html
import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from markdownify import ATX, MarkdownConverter

from page_run import PageError

# What a code cell draws is most of a page by size, and no text: it goes with its cell.
_DRAWING = re.compile(r'<div class="drawing".*?</div>', re.DOTALL)
HEADINGS = re.compile(r"^h[1-6]$")
# Characters of no alphabet mark, in the Markdown on its way, where a cell begins and what kind of cell it is.
_CELL, _CODE, _FOLDED, _NAMED = "\ue000", "\ue001", "\ue002", "\ue003"
_JUNK = ".headerlink, .backrefs, .citation .label, .sd-summary-state-marker, .toctree-wrapper, script, style, input"


@dataclass(frozen=True)
class Text:
    """A Markdown cell; `name` is its id where it begins with a heading, and `folded` hides what stands under that."""

    markdown: str
    name: str = ""
    folded: bool = False


def cells_of(body: str, docname: str, *, notebooks: Collection[str]) -> Iterator[Text | None]:
    """The cells of a page in order; None where the page shows a code cell.

    Args:
        body: the page's HTML, as the theme gets it.
        docname: of the page.
        notebooks: names of the pages that a link may lead to, for they have notebooks.

    Raises:
        PageError: for a picture that no code cell draws.
    """
    soup = BeautifulSoup(_DRAWING.sub("", body), "html.parser")
    for junk in soup.select(_JUNK):
        junk.extract()
    for number in soup.select(".admonition-title .caption-number"):
        number.unwrap()
    for box in soup.select("div.exercise, div.solution"):
        _flatten(box)
    for box in soup.select("div.dropdown.admonition"):
        box.name = "details"
        for title in box.select(".admonition-title", limit=1):
            title.name = "summary"
    for box in soup.select("aside"):
        box.name, box["class"] = "div", ["admonition"] if {"sidebar", "topic"} & _classes(box) else []
    for title in soup.select("label, .sd-card-title"):  # a tab's, a card's
        title.name, title["class"] = "p", ["rubric"]
    for content in soup.select('section[id$="-content"]'):  # has no heading
        content.unwrap()
    for link in soup.find_all("a", href=True):
        target = _target(soup, str(link["href"]), docname, notebooks)
        link.attrs = {"href": target or ""}
        if target is None:
            link.unwrap()
    for cell in soup.select("div.cell"):
        captions = [caption.extract() for caption in cell.find_all("figcaption")]
        place = soup.new_tag("div")
        place.append(f"{_CELL}{_CODE}{_CELL}")
        cell.replace_with(place, *captions)
    soup.smooth()  # white space that met is one, and goes where it borders on a block
    for piece in _Markdown().convert_soup(soup).split(_CELL):
        text = piece.strip()
        if text == _CODE:
            yield None
        elif text:
            name, _, markdown = text.rpartition(_NAMED)
            yield Text(markdown, name=name.removeprefix(_FOLDED), folded=name.startswith(_FOLDED))


def _flatten(box: Tag) -> None:
    """Make an exercise or a solution a heading with text under it, for it may have code cells."""
    section = box.find_parent("section")
    above = section.find(HEADINGS) if section else None
    title = box.find(class_="admonition-title")
    assert title
    solution = "solution" in box["class"]
    title.name = f"h{min(6, (int(above.name[1]) if above else 1) + (2 if solution else 1))}"
    for link in title.select("a"):
        link.unwrap()
    # JupyterLab hides everything up to the next heading, so there must be one.
    folded = solution and "dropdown" in box["class"] and _heading_follows(box)
    title.attrs = {"id": box["id"], "class": ["folded"] if folded else []}
    box.unwrap()


def _heading_follows(box: Tag) -> bool:
    el: Tag | None = box
    while el and not el.find_next_sibling():
        el = el.parent
    following = el.find_next_sibling() if el else None
    return bool(following and (following.name == "section" or {"exercise", "solution"} & _classes(following)))


def _target(soup: BeautifulSoup, href: str, docname: str, notebooks: Collection[str]) -> str | None:
    """Where a link of the page leads to from the notebook; None where there is no such place."""
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
    for citation in (place, *place.parents):
        if "citation" in _classes(citation):
            work = citation.find("a", href=re.compile("^https?://"))
            return str(work["href"]) if work else None
    section = place if place.name == "section" else place.find_parent("section")
    heading = place if HEADINGS.match(place.name) else section and section.find(HEADINGS)
    if not heading:
        return None
    text = "-".join(heading.get_text().split())
    # JupyterLab compares a fragment as the browser encodes it: it finds no heading with a curly quote by its text.
    return f"#{text}" if re.fullmatch(r"[\w,.:;?!+'()-]+", text, re.ASCII) else f"#cell-id={_name(heading)}"


def _classes(el: Tag) -> set[str]:
    return set(el.get("class") or ())


def _name(heading: Tag) -> str:
    """The id of the cell that begins with `heading`."""
    section = heading.find_parent("section")
    id = heading.get("id") or (section.get("id") if section else "")
    return re.sub(r"[^\w-]", "-", str(id), flags=re.ASCII)[:64]


def _tex(el: Tag) -> str:
    """A formula on one line: in a quote, the `>` of a second line would become part of it."""
    lines = (re.sub(r"(?<!\\)%.*", "", line) for line in el.get_text().splitlines())
    tex = re.sub(r"^\\[(\[]|\\[)\]]$", "", " ".join(" ".join(lines).split())).strip()
    # Environments that stand without dollars fail between them.
    tex = re.sub(r"\\(begin|end)\{equation\*?\}", "", tex)
    return re.sub(r"\\(begin|end)\{(align|gather)\*?\}", r"\\\1{\2ed}", tex).strip()


_Base: Any = MarkdownConverter  # its types leave out all that is to be overridden


class _Markdown(_Base):  # type: ignore[misc]  # markdownify is read as untyped
    class Options:
        heading_style = ATX
        bullets = "-"
        sub_symbol = "<sub>"
        sup_symbol = "<sup>"
        wrap = True  # one line a paragraph,
        wrap_width = None  # however long

    def escape(self, text: str, parent_tags: set[str]) -> str:
        return re.sub(r"[\\`*<$~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|\](?=[(:])", r"\\\g<0>", text)

    def convert_hN(self, n: int, el: Any, text: str, parent_tags: set[str]) -> str:  # noqa: N802  # markdownify's name
        folded = "folded" in _classes(el)
        mark = f"{_CELL}{_FOLDED if folded else ''}{_name(el)}{_NAMED}"
        return f"\n\n{mark}{'#' * n} {' '.join(text.split())}{_CELL if folded else ''}\n\n"

    def convert_p(self, el: Any, text: str, parent_tags: set[str]) -> str:
        if {"admonition-title", "sidebar-title", "topic-title", "rubric"} & _classes(el):
            text = f"**{' '.join(text.split())}**"
        # What would begin a list, a heading or a quote does not.
        text = re.sub(r"^(\d*)(?=(?:[-+#]+|[.)])(?:\s|$)|>)", r"\1\\", text.strip())
        return str(super().convert_p(el, text, parent_tags))

    def convert_span(self, el: Any, text: str, parent_tags: set[str]) -> str:
        classes = _classes(el)
        if "math" in classes:
            tex = _tex(el)
            if {"td", "th"} & parent_tags:  # a bare bar would end the cell
                tex = re.sub(r"(\\?)\|", lambda bar: r"\Vert " if bar[1] else r"\vert ", tex)
            return f"${tex}$"
        return f"**{text.strip()}.** " if "caption-number" in classes else text

    def convert_div(self, el: Any, text: str, parent_tags: set[str]) -> str:
        classes = _classes(el)
        if "math" in classes:
            number = el.find(class_="eqno")
            tag = f" \\tag{{{number.extract().get_text().strip('()')}}}" if number else ""
            return f"\n\n$$ {_tex(el)}{tag} $$\n\n"
        if "admonition" in classes:
            return str(self.convert_blockquote(el, text, parent_tags))
        if "citation" in classes:
            return f"- {text.strip()}\n"
        return str(super().convert_div(el, text, parent_tags))

    def convert_dt(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n**{text.strip()}**\n\n"

    def convert_dd(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_details(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n<details>\n{text.strip()}\n\n</details>\n\n"

    def convert_summary(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"<summary>{html.escape(el.get_text().strip())}</summary>\n\n"

    def convert_pre(self, el: Any, text: str, parent_tags: set[str]) -> str:
        box = el.find_parent(class_=re.compile("^highlight-")) or el
        language = next(iter(box.get("class", [])), "").removeprefix("highlight-")
        language = {"ipython3": "python", "default": "", "none": "", "text": ""}.get(language, language)
        code = el.get_text().strip() if language == "mermaid" else el.get_text().strip("\n")
        fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", code))])
        return f"\n\n{fence}{language}\n{code}\n{fence}\n\n"

    def convert_td(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return str(super().convert_td(el, re.sub(r"(?<!\\)\|", r"\\|", text), parent_tags))

    convert_th = convert_td

    def convert_footer(self, el: Any, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{_CELL}---\n\n{text.strip()}\n\n"

    def convert_img(self, el: Any, text: str, parent_tags: set[str]) -> str:
        raise PageError(f"a picture that no code cell draws has no place in the notebook: {str(el)[:200]}")

    convert_svg = convert_img
