"""The built site as files: every link leads somewhere, and nothing but links names another host."""

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

ADDRESS = re.compile(r"(?:https?:)?//[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
NAMESPACE = re.compile(r"https?://www\.w3\.org/")
# Attributes that make a browser fetch something by itself; where an <a> leads is the reader's own choice.
FETCHED = ("src", "srcset", "data", "poster", "background")


@cache
def pages(site: Path) -> dict[str, BeautifulSoup]:
    """Every page of the site, by its path below the site's root."""
    found = {
        str(path.relative_to(site)): BeautifulSoup(path.read_text(), "html.parser")
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts
    }
    assert "index.html" in found
    return found


def anchors(page: BeautifulSoup) -> set[str]:
    return {str(tag["id"]) for tag in page.find_all(id=True)} | {
        str(tag["name"]) for tag in page.find_all("a", attrs={"name": True})
    }


def test_every_link_leads_somewhere(site: Path) -> None:
    targets = {name: anchors(page) for name, page in pages(site).items()}
    dead, checked = [], 0
    for name, page in pages(site).items():
        for tag in page.find_all(True):
            for attribute in ("href", "src"):
                address = str(tag.get(attribute, ""))
                parts = urlsplit(address)
                if parts.scheme or parts.netloc or address in ("", "#"):
                    continue
                checked += 1
                path = (
                    posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
                    if parts.path
                    else name
                )
                anchor = unquote(parts.fragment)
                if not (site / path).is_file() or (anchor and anchor not in targets.get(path, ())):
                    dead.append(f"{name}: {address}")
    assert checked > 100
    assert dead == []


def test_ids_are_used_once(site: Path) -> None:
    twice = []
    for name, page in pages(site).items():
        # The boxes of sphinx-exercise and sphinx-proof name their insides so; nothing leads there.
        ids = [str(tag["id"]) for tag in page.find_all(id=re.compile("^(?!(exercise|solution|proof)-content$)"))]
        twice += [f"{name}: {id}" for id in sorted({id for id in ids if ids.count(id) > 1})]
    assert twice == []


def foreign(page: BeautifulSoup) -> Iterator[str]:
    """What in a page would make a browser ask another host."""
    for tag in page.find_all(True):
        values = [str(tag[name]) for name in FETCHED if tag.has_attr(name)] + [str(tag.get("style", ""))]
        if tag.name in ("link", "base", "image", "use"):
            values += [str(tag[name]) for name in ("href", "xlink:href") if tag.has_attr(name)]
        if tag.name in ("script", "style"):
            values.append(tag.get_text())
        for value in values:
            if ADDRESS.search(NAMESPACE.sub("", value)):
                yield f"<{tag.name}> {value[:200]}"


def test_no_page_asks_another_host(site: Path) -> None:
    assert [f"{name}: {found}" for name, page in pages(site).items() for found in foreign(page)] == []


def test_no_style_asks_another_host(site: Path) -> None:
    found = []
    for path in site.rglob("*.css"):
        calls = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", path.read_text())
        found += [f"{path.relative_to(site)}: {call[:200]}" for call in calls if ADDRESS.match(call)]
    assert found == []


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<script src="//cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="https://cdn.example.org/a.css">',
        '<link rel="preconnect" href="https://cdn.example.org">',
        '<img src="https://example.org/a.png">',
        '<img src="a.png" srcset="https://example.org/a.png 2x">',
        '<p style="background: url(https://example.org/a.png)"></p>',
        "<style>@import url(https://fonts.example.org/a.css);</style>",
        '<script>import m from "https://cdn.example.org/a.mjs"</script>',
        '<iframe src="https://example.org/"></iframe>',
        '<svg><image xlink:href="https://example.org/a.png"/></svg>',
    ],
)
def test_another_host_would_be_seen(html: str) -> None:
    assert len(list(foreign(BeautifulSoup(html, "html.parser")))) == 1


def test_readers_may_follow_links(site: Path) -> None:
    html = (
        '<a href="https://arxiv.org/abs/1512.03385">He et al.</a><svg xmlns:xlink="http://www.w3.org/1999/xlink"></svg>'
    )
    assert list(foreign(BeautifulSoup(html, "html.parser"))) == []


def test_every_page_has_a_favicon_that_is_there(site: Path) -> None:
    for name, page in pages(site).items():
        icon = page.select_one('link[rel~="icon"]')
        assert icon is not None, name
        assert (site / posixpath.dirname(name) / str(icon["href"]).partition("?")[0]).is_file(), name


def test_no_script_is_loaded_twice(site: Path) -> None:
    for name, page in pages(site).items():
        scripts = [str(tag["src"]).partition("?")[0] for tag in page.find_all("script", src=True)]
        styles = [str(tag["href"]).partition("?")[0] for tag in page.select("link[rel=stylesheet]")]
        for loaded in (scripts, styles):
            assert len(loaded) == len(set(loaded)), (name, sorted(loaded))


def test_diagrams_are_drawn_only_where_there_are_some(site: Path) -> None:
    with_diagrams = 0
    for name, page in pages(site).items():
        scripts = " ".join(str(tag["src"]) for tag in page.find_all("script", src=True))
        has_diagram = page.select_one("pre.mermaid") is not None
        with_diagrams += has_diagram
        assert ("mermaid.min.js" in scripts) == has_diagram, name
        assert ("diagrams.js" in scripts) == has_diagram, name
    assert with_diagrams


def test_no_table_is_left_as_text(site: Path) -> None:
    """As it is where a cell gives Markdown and does not say `markdown_format: myst`."""
    left = {name for name, page in pages(site).items() for p in page.find_all("p") if p.get_text().startswith("| ")}
    assert left == set()
