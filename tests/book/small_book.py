"""A book of a few tiny pages in a folder of its own, built by the very command that builds the real one."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
STATIC = ("book.css", "diagrams.js", "favicon.svg", "ledger.js", "logo.svg")  # the fetched packages play no part here

FRONT = """jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""

# Each page's first cell leaves a line outside the book, so that a test sees what really ran.
RAN = """import os
with open(os.environ["RAN"], "a") as log:
    print("{name}", file=log)"""

CHAIN = """The answer is {glue:text}`answer:.0f`, not forty-two.

```{code-cell} ipython3
from myst_nb import glue
from residual_book import claims
from residual_book.stats import Interval
from tiny_page.middle import answer

glue("answer", answer(), display=False)
claims.check(
    "answer-positive",
    holds=answer() > 0, value=Interval(answer(), answer() - 1.5, answer() + 1.5, 4),
    unit="points", seeds=(0, 1, 2, 5),
    statement="The answer is above zero, even for a < b.",
    verdict=claims.corrected("he2015", "section 9", "all answers are positive"),
);
```
"""

READER = """```{code-cell} ipython3
import json, os
from pathlib import Path

recorded = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]).with_name("results") / "x.json"
print("recorded:", json.loads(recorded.read_text())["value"])
```
"""

# Two bars, one in the other: what tqdm writes on the standard error is no warning.
ALONE = """```{code-cell} ipython3
from tqdm import tqdm

for _ in tqdm(range(2), desc="outer"):
    for _ in tqdm(range(3), desc="inner", leave=False):
        pass
print("six times seven:", 6 * 7)
```
"""


GATHERED = (
    "claims-summary", "claims-forest", "claims-ledger", "source-scorecards", "drafts-table",
    "execution-status", "bibliography",
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """How a build ended: exit code, all that it said, and the pages whose cells ran, in the order of the contents."""

    code: int
    output: str
    ran: list[str]


@dataclass(frozen=True)
class SmallBook:
    """A book at `folder`, laid out like the repository."""

    folder: Path

    @classmethod
    def write(cls, folder: Path) -> "SmallBook":
        """A good book: a page on two modules in a chain, one on a recorded file, one on nothing, and the appendix."""
        book = cls(folder)
        (folder / "book" / "_static").mkdir(parents=True)
        (folder / "book" / "_ext").symlink_to(ROOT / "book" / "_ext")
        for name in STATIC:
            shutil.copy(ROOT / "book" / "_static" / name, folder / "book" / "_static")
        shutil.copy(ROOT / "references.bib", folder)
        book.put("requirements.txt", "tiny==1\n")
        book.put("results/x.json", '{"value": 17}\n')
        book.put("src/tiny/__init__.py", "")
        book.put("book/tiny_page/__init__.py", "")
        book.put(
            "book/tiny_page/middle.py", "from tiny.deep import CONSTANT\n\n\ndef answer():\n    return 2 * CONSTANT\n"
        )
        book.put("src/tiny/deep.py", "CONSTANT = 21\n")
        book.configure({"index": "only a cover", "appendix": "gathers"})
        book.put("book/index.md", "# A small book\n\nA cover.\n")
        book.page("chain", CHAIN)
        book.page("reader", READER)
        book.page("alone", ALONE)
        book.put(
            "book/appendix.md",
            "# Appendix\n\n" + "".join(f"```{{{name}}}\n```\n\n" for name in GATHERED),
        )
        book.contents("chain", "reader", "alone", "appendix")
        return book

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.put(name, text.replace(old, new))

    def page(self, name: str, text: str, *, front: str = "") -> None:
        """A page with code: a first cell that notes that it ran, then `text`; `front` is more front matter."""
        self.put(
            f"book/{name}.md",
            f"---\n{front}{FRONT}# Page {name}\n\n```{{code-cell}} ipython3\n{RAN.format(name=name)}\n```\n\n{text}",
        )

    def contents(self, *pages: str) -> None:
        chapters = [{"file": page} for page in pages]
        self.put("_toc.yml", yaml.safe_dump({"format": "jb-book", "root": "index", "chapters": chapters}))

    def configure(self, pages_without_code: dict[str, str]) -> None:
        """The repository's own settings, but for the pages that run nothing."""
        settings = yaml.safe_load((ROOT / "_config.yml").read_text())
        settings["sphinx"]["config"]["pages_without_code"] = pages_without_code
        self.put("_config.yml", yaml.safe_dump(settings))

    @property
    def log(self) -> Path:
        """Where each page notes that it runs."""
        return self.folder.with_name(f"{self.folder.name}-ran.txt")

    def build(self) -> Build:
        """What `make book` does once everything is installed."""
        with self.start() as process:
            output, _ = process.communicate()
        output = re.sub(r"\x1b\[[\d;]*m", "", output)  # without colors
        order = [
            line.split("file: ")[1] for line in (self.folder / "_toc.yml").read_text().splitlines() if "file: " in line
        ]
        return Build(process.returncode, output, sorted(self.log.read_text().split(), key=order.index))

    def start(self) -> "subprocess.Popen[str]":
        """A build that goes on by itself, in a process group of its own."""
        self.log.write_text("")
        command: list[str | Path] = [
            "make",
            "-f",
            ROOT / "Makefile",
            "-C",
            self.folder,
            "site",
            f"BIN={Path(sys.executable).parent}",
        ]
        # The make that may run these tests hands its own settings down; this one is nobody's child.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTEST"))}
        packages = os.pathsep.join(str(self.folder / part) for part in ("src", "book"))
        return subprocess.Popen(
            command,
            env=inherited | {"PYTHONPATH": packages, "RAN": str(self.log)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def html(self, name: str) -> str:
        return (self.folder / "_build" / "html" / f"{name}.html").read_text()
