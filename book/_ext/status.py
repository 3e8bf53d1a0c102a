"""How long pages take: the table of the status page, the foot of each page, and the times that the first page quotes.

All of them count in one way: seconds of one core.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

from execution import executed_pages
from gathering import Gathering
from page_run import KEY, PageError
from prose import paragraphs

PAGE_SECONDS = 240  # of one core: two minutes on the two that a build may expect
PAGE_GIGABYTES = 3
WORDS_A_MINUTE = 200


class ExecutionStatus(Gathering):
    """Time and memory of every page that runs, beside its budget, and the reason of every page that does not."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [
                "Page",
                f"Time on one core (budget {minutes(PAGE_SECONDS)})",
                f"Peak memory (budget {PAGE_GIGABYTES} GB)",
                "Run at commit",
            ]
        ]
        for docname, notebook in executed_pages(self.env.app).items():
            run: dict[str, Any] = notebook.metadata[KEY]
            seconds, gigabytes = core_seconds(run), run["peak_memory"] / 2**30
            rows.append(
                [
                    self.link(docname, self.title(docname)),
                    f"{minutes(seconds)}{over(seconds, PAGE_SECONDS)}",
                    f"{gigabytes:.2f} GB{over(gigabytes, PAGE_GIGABYTES)}",
                    f"`{run['provenance']['commit']}`",
                ]
            )
        for docname, reason in self.config.pages_without_code.items():
            if docname in self.env.found_docs:
                rows.append([self.link(docname, self.title(docname)), f"not run: {reason}", "", ""])
        return self.table("status", rows)


class ReadingTime(SphinxRole):
    """`` {reading-time}`part1` ``: minutes to read the prose of the pages of a folder, at 200 words a minute."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        pages = [Path(self.env.doc2path(d)).read_text() for d in _below(self.env, self.text)]
        words = sum(len(line.split()) for page in pages for _, lines in paragraphs(page) for line in lines)
        return [nodes.Text(f"{max(1, round(words / WORDS_A_MINUTE))} min")], []


class RunningTime(SphinxRole):
    """`` {running-time}`part1` ``: how long the pages of a folder take to run on one core; `all` for every page."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        pages = executed_pages(self.env.app)
        names = pages if self.text == "all" else _below(self.env, self.text)
        seconds = sum(core_seconds(pages[d].metadata[KEY]) for d in names if d in pages)
        return [nodes.Text(f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s")], []


def _below(env: BuildEnvironment, folder: str) -> list[str]:
    pages = [docname for docname in env.found_docs if docname == folder or docname.startswith(f"{folder}/")]
    if not pages:
        raise PageError(f"{env.docname}: there are no pages below {folder!r}")
    return pages


def core_seconds(run: Mapping[str, Any]) -> float:
    """What a page's run takes of one core, at most: a page that had two cores for a minute counts two minutes."""
    seconds: float = run["seconds"] * run["cores"]
    return seconds


def minutes(seconds: float) -> str:
    """`seconds` for readers, such as "40 s", "4 min" or "1 min 20 s"."""
    whole, rest = divmod(round(seconds), 60)
    return f"{rest} s" if not whole else f"{whole} min {rest} s" if rest else f"{whole} min"


def over(value: float, budget: float) -> str:
    """The words behind a value that is over its budget."""
    return " **over budget**" if value > budget else ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("execution")
    app.add_directive("execution-status", ExecutionStatus)
    app.add_role("reading-time", ReadingTime())
    app.add_role("running-time", RunningTime())
    return {"parallel_read_safe": False, "parallel_write_safe": False}
