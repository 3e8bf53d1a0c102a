"""The built site in a real browser: every page, light and dark, on a desk and on a phone, with nothing but loopback."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import browser as finder
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from small_book import ROOT

ARGUMENTS = [
    "--no-sandbox",  # in a container there is none to be had
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SITE = ROOT / "_build" / "html"
# Without a site there is one page, and the `site` fixture says what is missing.
PAGES = sorted(str(p.relative_to(SITE)) for p in SITE.rglob("*.html") if "_static" not in p.parts) or ["index.html"]

DRAWN = """() => document.readyState === "complete"
    && ["light", "dark"].includes(document.documentElement.dataset.theme)
    && [...document.querySelectorAll("pre.mermaid")].every(d => d.dataset.processed && d.querySelector("svg"))"""
TYPESET = "async () => { if (window.MathJax) await MathJax.startup.promise; }"
# What is wrong with the page, in words.
LOOK = """() => {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: ${element.outerHTML.slice(0, 300)}`);
  for (const formula of document.querySelectorAll(".math")) {
    if (!formula.querySelector("mjx-container")) say("not typeset", formula);
  }
  for (const error of document.querySelectorAll("mjx-merror")) say("formula with an error", error);
  for (const diagram of document.querySelectorAll("pre.mermaid")) {
    const svg = diagram.querySelector("svg");
    if (!svg?.querySelector("g.node text")?.textContent.trim()) say("diagram without text", diagram);
    const name = svg && document.getElementById(svg.getAttribute("aria-labelledby"));
    if (!name || !name.textContent.trim()) say("diagram without accTitle", diagram);
    for (const text of diagram.querySelectorAll("text")) {
      const height = text.getBoundingClientRect().height;
      if (text.textContent.trim() && height < 10) say("diagram with text too small to read", text);
    }
    if (diagram.textContent.includes("Syntax error")) say("diagram with an error", diagram);
  }
  for (const drawing of document.querySelectorAll("article .drawing, article img")) {
    const name = drawing.getAttribute(drawing.localName === "img" ? "alt" : "aria-label");
    if (!name || name.trim().length < 10) say("drawing without a text that tells what it shows", drawing);
  }
  for (const drawing of document.querySelectorAll("article .drawing")) {
    if (!drawing.clientWidth) continue;  // in a solution that is folded away
    const layouts = [...drawing.children].filter(svg => svg.getBoundingClientRect().width);
    if (layouts.length !== 1) say(`drawing in ${layouts.length} layouts`, drawing);
    const box = layouts[0].getBoundingClientRect();
    const scrolls = drawing.scrollWidth > drawing.clientWidth + 1;
    if (scrolls || box.left < 0 || box.right > innerWidth) say("drawing that is cut", drawing);
    for (const text of layouts[0].querySelectorAll("text")) {
      const name = `${text.textContent.trim()} in ${drawing.getAttribute("aria-label").slice(0, 60)}`;
      const sizes = [text, ...text.querySelectorAll("tspan")].map(part => parseFloat(getComputedStyle(part).fontSize));
      const shape = text.getScreenCTM();
      const size = Math.max(...sizes.slice(sizes.length > 1 ? 1 : 0)) * Math.hypot(shape.a, shape.b);
      if (size < (innerWidth < 600 ? 11 : 10)) wrong.push(`text of ${size.toFixed(1)} pixels: ${name}`);
      const place = text.getBoundingClientRect();
      if (place.left < box.left - 2 || place.right > box.right + 2) wrong.push(`text that is cut: ${name}`);
    }
  }
  for (const drawing of document.querySelectorAll("article .drawing svg")) {
    const labels = [...drawing.querySelectorAll("[id*='-xtick_'] text")]
      .filter(text => text.getBoundingClientRect().width && !/rotate\\(-[1-9]/.test(text.getAttribute("transform")));
    for (const [i, label] of labels.slice(0, -1).entries()) {
      const [one, next] = [label, labels[i + 1]].map(text => text.getBoundingClientRect());
      const onOneLine = Math.min(one.bottom, next.bottom) - Math.max(one.top, next.top) > one.height / 3;
      if (onOneLine && one.right > next.left && one.left < next.right) say("labels of an axis that meet", label);
    }
  }
  for (const code of document.querySelectorAll("article :is(.literal-block-wrapper, .cell_input) pre")) {
    if (innerWidth >= 1280 && code.scrollWidth > code.clientWidth + 1) say("code that is cut", code);
  }
  for (const image of document.querySelectorAll("img")) {
    if (!image.hasAttribute("alt")) say("image without alt", image);
    if (image.complete && !image.naturalWidth) say("image that did not load", image);
  }
  for (const figure of document.querySelectorAll("figure")) {
    if (!figure.querySelector("figcaption")?.textContent.trim()) say("figure without a caption", figure);
  }
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) {
    const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1);
    say(`the page is ${width} wide on a screen of ${innerWidth}`, wide.pop() ?? document.body);
  }
  return wrong;
}"""
CHECK = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .flatMap(v => v.nodes.map(n => `${v.impact}: ${v.id}: ${n.html.slice(0, 200)} ${n.failureSummary}`))"""


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site's address on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = finder.find()
    assert path is not None, finder.MISSING
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A tab, and all that went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.wrong: list[str] = []
        context.route(lambda url: not _is_here(url), lambda route: route.abort())
        self.tab: Page = context.new_page()
        self.tab.on("request", lambda r: None if _is_here(r.url) else self.wrong.append(f"asked for {r.url}"))
        self.tab.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url} {r.failure}"))
        self.tab.on("response", lambda r: self.wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.tab.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.tab.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)

    def open(self, address: str) -> Page:
        self.tab.goto(address)
        self.tab.wait_for_function(DRAWN)
        self.tab.evaluate(TYPESET)
        return self.tab


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:"))


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit in a fresh context; the test's `scheme` and `width` where it has them."""
    asked = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    context = chromium.new_context(
        viewport={"width": asked.get("width", 1280), "height": 900}, color_scheme=asked.get("scheme", "light")
    )
    yield Visit(context)
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, scheme: str, width: int, server: str, visit: Visit) -> None:
    tab = visit.open(f"{server}/{page}")
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    assert tab.evaluate(LOOK) == []
    tab.add_script_tag(path=AXE)
    assert tab.evaluate(CHECK) == []
    assert visit.wrong == []


@pytest.fixture(scope="session")
def page_with_diagram(site: Path) -> str:
    return next(page for page in PAGES if 'class="mermaid"' in (site / page).read_text())


def test_another_host_would_be_seen(server: str, visit: Visit) -> None:
    visit.open(f"{server}/index.html").evaluate("fetch('https://example.org/').catch(() => {})")
    assert any("https://example.org/" in wrong for wrong in visit.wrong)


def test_diagrams_follow_the_theme(server: str, visit: Visit, page_with_diagram: str) -> None:
    tab = visit.open(f"{server}/{page_with_diagram}")
    color = "() => getComputedStyle(document.querySelector('pre.mermaid svg g.node text')).fill"
    ink = "() => getComputedStyle(document.body).color"
    light = tab.evaluate(color)
    assert light == tab.evaluate(ink)
    for _ in range(3):  # dark, light, as the system has it
        tab.click(".theme-switch-button:visible")
        if tab.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    tab.wait_for_function(DRAWN)
    dark = tab.evaluate(color)
    assert dark != light
    assert dark == tab.evaluate(ink)
    assert tab.evaluate(LOOK) == []
    assert visit.wrong == []


def test_search_finds_a_word(server: str, visit: Visit) -> None:
    visit.tab.goto(f"{server}/search.html?q=Jacobian")
    visit.tab.wait_for_selector("#search-results li a")
    found = visit.tab.eval_on_selector_all("#search-results li a", "links => links.map(link => link.pathname)")
    assert "/part1/residual-connections.html" in found
    assert visit.wrong == []


def test_next_and_previous_walk_the_whole_book(server: str, visit: Visit) -> None:
    def walk(link: str) -> list[str]:
        passed = [visit.tab.evaluate("location.pathname")]
        while visit.tab.locator(link).count():
            with visit.tab.expect_navigation():
                visit.tab.click(link)
            passed.append(visit.tab.evaluate("location.pathname"))
        return passed

    visit.open(f"{server}/index.html")
    there = walk("a.right-next")
    made_by_the_build = {"/genindex.html", "/search.html", "/prf-prf.html"}
    assert sorted(there) == sorted({f"/{page}" for page in PAGES} - made_by_the_build)
    assert walk("a.left-prev") == there[::-1]
    assert visit.wrong == []


def test_from_a_file(site: Path, visit: Visit, page_with_diagram: str) -> None:
    tab = visit.open((site / page_with_diagram).as_uri())
    assert tab.locator("mjx-container").count()
    assert tab.evaluate(LOOK) == []
    assert visit.wrong == []


def test_the_ledger_can_be_narrowed_and_a_claim_be_linked_to(site: Path, visit: Visit) -> None:
    address = (site / "appendix" / "claims.html").as_uri()
    tab = visit.open(address)
    entries = tab.locator("details.claim-entry")
    every = entries.count()
    assert tab.locator("details.claims-of-page[open]").count() == 0
    tab.select_option("select[name=verdict]", "confirmed")
    shown = tab.locator("details.claim-entry:visible")
    verdicts = shown.evaluate_all("entries => entries.map(entry => entry.dataset.verdict)")
    assert set(verdicts) == {"confirmed"}
    assert tab.inner_text("form.ledger-filter output") == f"{len(verdicts)} of {every} claims"
    tab.select_option("select[name=verdict]", "")
    assert tab.locator("details.claims-of-page:visible").count() == tab.locator("details.claims-of-page").count()
    last = entries.last.get_attribute("id")
    assert visit.open(f"{address}#{last}").locator(f"#{last} > p").first.is_visible()
    assert visit.wrong == []
