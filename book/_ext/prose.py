"""Numbers in prose are measured: a page whose text has a typed-in measurement is warned about, and so does not build.

What counts: a decimal fraction, a number with thousands separators or a power of ten, one of five digits or more, and a
number with a unit that is measured (percent, points, time, memory, "times"). What does not: code, formulas, headings'
numbers, sections and versions, names such as ResNet-20 or ReLU6, years, a paragraph that cites a paper (its figures are
the paper's), and values that glue puts in.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

logger = logging.getLogger(__name__)

_MEASUREMENT = re.compile(
    r"""(?<![\w.:/^])(?<![A-Za-z]-)(?:
        \d+\.\d+(?![\w.]*\w*\.\d)           # 0.41, but not 1.2.3
      | \d{1,3}(?:,\d{3})+                  # 589,824
      | \d{5,}
      | \d+\s*[x×]\s*10(?=[\^⁰¹²³⁴⁵⁶⁷⁸⁹⁻])  # 2 x 10^5
      | \d+e[+-]?\d+                       # 2e17
      | \d+\s*(?:
            %(?!\s*(?:[\w-]+\s+)?interval)   # but not a 95 % interval
          | (?:percent|points?|[mµn]?s|seconds?|minutes?|hours?|days?|weeks?|[kKMGT]i?B|times|thousand|[mb]illion)\b
          | [x×](?!\s*\d)                    # but not 3x3
          | -?fold\b(?!\s+cross)
        )
      | (?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|a\ (?:hundred|thousand|million))\s+
        (?:percent\b|(?:times|points)\ (?:more|less|fewer|larger|smaller|faster|slower|higher|lower|better|worse)\b)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# Numbers that count nothing: roles and code, formulas, HTML, addresses, places in a work, versions, decades.
_NAMES = re.compile(
    r"""\{[\w:-]+\}`+[^`]*`+ | `+[^`]*`+ | \$[^$]*\$ | <[^>]*> | \]\([^)]*\) | https?://\S+
      | \b(?:sections?|chapters?|figures?|tables?|equations?|algorithms?|versions?|Python|PyTorch|NumPy|JAX|CC\ BY)\s+
        \d+(?:\.\d+)*(?:(?:,|\s+(?:and|or|to))\s+\d+(?:\.\d+)+)*
      | \b(?:19|20)\d0s\b""",
    re.VERBOSE | re.IGNORECASE,
)
_FENCE = re.compile(r"^\s*(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:-]+)\}\s*(.*))?")
_OPTION = re.compile(r"^\s*:\s*([\w-]+):\s*(.*)")
_BOUNDARY = re.compile(r"\s*(?:$|%|#|\(\S+\)=\s*$)")  # an empty line, a comment, a heading, a label
# Directives whose body is text for the reader; the body of any other fence is code, a diagram or data.
_PROSE_DIRECTIVES = {
    "admonition", "attention", "card", "caution", "danger", "dropdown", "epigraph", "error", "exercise", "figure",
    "grid", "grid-item", "grid-item-card", "hint", "important", "list-table", "margin", "note", "seealso", "sidebar",
    "solution", "tab-item", "tab-set", "table", "tip", "topic", "warning",
}  # fmt: skip


def typed_measurements(text: str) -> Iterator[tuple[int, str]]:
    """Line number (from 1) and wording of each typed-in measurement in a page's Markdown."""
    for start, paragraph in paragraphs(text):
        joined = "\n".join(paragraph)
        if "{cite" in joined:
            continue
        joined = _NAMES.sub(_blank, joined)
        for match in _MEASUREMENT.finditer(joined):
            yield start + joined.count("\n", 0, match.start()), match.group().strip()


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of prose lines with the number of their first line; titles and captions of directives are such runs too."""
    paragraph: list[str] = []
    first = 0
    for number, line in _prose_lines(text):
        if line and not paragraph:
            first = number
        if line:
            paragraph.append(line)
        elif paragraph:
            yield first, paragraph
            paragraph = []
    if paragraph:
        yield first, paragraph


def _prose_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines of prose with their numbers, and an empty line wherever a paragraph ends."""
    lines = text.splitlines()
    at = lines.index("---", 1) + 1 if lines and lines[0] == "---" else 0
    closing: list[tuple[str, bool]] = []  # of the fences that are open: how they close, and whether they hold prose
    formula = False  # between double dollars
    caption = -1  # indentation of the caption that the line may belong to; none: -1
    for number, line in enumerate(lines[at:], start=at + 1):
        prose = all(holds for _, holds in closing)
        fence, option = _FENCE.match(line), _OPTION.match(line)
        if closing and line.strip() == closing[-1][0]:
            closing.pop()
            caption = -1
            yield number, ""
        elif fence and prose:
            directive = fence[2] or ""
            holds = directive in _PROSE_DIRECTIVES or directive.startswith("prf:")
            closing.append((fence[1], holds))
            yield number, ""
            if holds and directive != "figure":
                yield number, fence[3]
                yield number, ""
        elif caption >= 0 and (more := re.match(r"\s*:?\s+(?=\S)", line)) and more.end() > caption:
            yield number, line[more.end() :]
        elif closing and option:  # of a directive, or of a code cell: `:caption: ...` and `:    caption: |`
            yield number, ""
            caption = option.start(1) if option[1] in ("caption", "alt") else -1
            yield number, option[2] if caption >= 0 else ""
        elif prose and not formula and not line.strip().startswith("$$") and not _BOUNDARY.match(line):
            yield number, line
        else:
            formula ^= prose and line.count("$$") % 2 == 1
            caption = -1
            yield number, ""


def check_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    for docname in docnames:
        for line, wording in typed_measurements(Path(env.doc2path(docname)).read_text()):
            logger.warning(
                "typed-in measurement %r: glue it, or cite the paper it is from", wording, location=(docname, line)
            )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("env-before-read-docs", check_pages, priority=400)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
