"""Numbers in prose are measured: a page whose text has a typed-in measurement is warned about, and so does not build.

What counts: a decimal fraction, a number with thousands separators or a power of ten, and a number with a unit that is
measured (percent, points, time, memory, "times"). What does not: code, formulas, headings' numbers, names such as
ResNet-20 or ReLU6, years, a paragraph that cites a paper (its figures are the paper's), and values that glue puts in.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

logger = logging.getLogger(__name__)

_MEASUREMENT = re.compile(
    r"""(?<![\w.\-/^])(?:
        \d+\.\d+(?![\w.]*\w*\.\d)           # 0.41, but not 1.2.3
      | \d{1,3}(?:,\d{3})+                  # 589,824
      | \d+(?:\.\d+)?\s*[x×]\s*10           # 2 x 10
      | \d+(?:\.\d+)?e[+-]?\d+              # 2e17
      | (?:\d+)\s*(?:%(?!\s*(?:confidence\s+)?interval)|percent\b|points?\b|ms\b|s\b|seconds?\b|minutes?\b|hours?\b|KB\b|MB\b|GB\b
                    |[x×](?!\s*\d)|times\b|fold\b|-fold\b)
      | (?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|a\ hundred|a\ thousand|a\ million)
        \s+(?:times\ (?:more|less|larger|smaller|faster|slower|higher|lower)|percent\b|points?\b)
    )""",
    re.VERBOSE,
)
_FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:-]+)\})?")
# Directives whose body is text for the reader; the body of any other fence is code, a diagram or data.
_PROSE_DIRECTIVES = {
    "admonition", "attention", "caution", "danger", "dropdown", "error", "exercise", "grid", "grid-item", "grid-item-card",
    "hint", "important", "margin", "note", "prf:definition", "prf:lemma", "prf:proof", "prf:theorem", "prf:proposition",
    "prf:corollary", "prf:remark", "seealso", "sidebar", "solution", "tab-item", "tab-set", "tip", "warning", "figure",
    "list-table", "table", "epigraph", "topic",
}  # fmt: skip


def typed_measurements(text: str) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and wording of each typed-in measurement in a page's Markdown."""
    for start, paragraph in _paragraphs(text):
        joined = "\n".join(paragraph)
        if "{cite" in joined:
            continue
        joined = re.sub(r"\{[\w:-]+\}`+[^`]*`+|`+[^`]*`+|\$[^$]*\$|<[^>]*>|\]\([^)]*\)", _blank, joined)
        for match in _MEASUREMENT.finditer(joined):
            yield start + joined.count("\n", 0, match.start()), match.group().strip()


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of prose lines with the number of their first line; captions in a code cell's options count as prose."""
    lines = text.splitlines()
    at = 0
    if lines and lines[0] == "---":
        at = lines.index("---", 1) + 1
    closing: list[tuple[str, bool]] = []  # of the fences that are open: how they close, and whether they hold prose
    paragraph: list[str] = []
    first = at + 1
    for number, line in enumerate(lines[at:], start=at + 1):
        fence = _FENCE.match(line)
        prose = all(holds for _, holds in closing)
        boundary = not line.strip() or line.lstrip().startswith(("$$", "%", "(", "#"))
        if fence and closing and line.strip() == closing[-1][0]:
            closing.pop()
            boundary = True
        elif fence and prose:
            closing.append((fence.group(1), fence.group(2) in _PROSE_DIRECTIVES))
            boundary = True
        elif not prose and "caption:" in line:
            yield number, [line]
        if boundary or not prose or (closing and re.match(r"\s*:[\w-]+:", line)):
            if paragraph:
                yield first, paragraph
            paragraph = []
        else:
            first = first if paragraph else number
            paragraph.append(line)
    if paragraph:
        yield first, paragraph


def check_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    for docname in docnames:
        for line, wording in typed_measurements(Path(env.doc2path(docname)).read_text()):
            logger.warning(
                "typed-in measurement %r: glue it, or cite the paper it is from", wording, location=(docname, line)
            )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-before-read-docs", check_pages, priority=400)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
