"""Run every page, and reuse what a page printed only while nothing it stands on has changed.

MyST-NB's own cache looks at a page's code cells alone: edit an imported module and the page still prints the old
number. Here a page is run by `nbclient` before Sphinx reads anything; the executed notebook is kept with the hash of
each file that the run opened or imported from this repository (as a compiler writes the headers it read), and is used
again only while the page, those files, the pins and the Python are the same. What failed is not kept, so it fails every
time.
"""

import ast
import hashlib
import json
import os
import platform
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
from myst_nb import sphinx_ as myst_nb_sphinx
from myst_nb.core.execute.base import NotebookClientBase
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from tqdm import tqdm

from residual import claims
from residual.experiments.records import provenance
from residual.files import write_atomically

KEY = "residual"  # of what we keep in the executed notebook's metadata
CELL_TIMEOUT = 600  # seconds: five times a page's whole budget, so only a cell that hangs meets it

# The first cell of a run notes every file that is opened; the last one reports those under the root, and the modules.
PREAMBLE = """
import os, sys
sys._opened_by_page = set()
sys.addaudithook(
    lambda event, args: event == "open"
    and isinstance(args[0], (str, os.PathLike))
    and sys._opened_by_page.add(os.path.abspath(args[0]))
)
"""
REPORT = """
import json, os, sys
json.dumps(sorted(
    {os.path.realpath(path) for path in sys._opened_by_page}
    | {os.path.realpath(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)}
))
"""


class PageError(SphinxError):
    """A page that did not run, or ran and failed."""

    category = "Page error"


def root_of(app: Sphinx) -> Path:
    """The repository's root: the nearest folder upwards from the pages that has the pins."""
    source = Path(app.srcdir).resolve()
    for folder in (source, *source.parents):
        if (folder / "requirements.txt").exists():
            return folder
    raise PageError(f"{source}: no requirements.txt here or above, so no page can be tied to its pins")


def executed_path(app: Sphinx, docname: str) -> Path:
    return Path(app.outdir).parent / "executed" / f"{docname}.ipynb"


def executed_pages(app: Sphinx) -> dict[str, nbformat.NotebookNode]:
    """The executed notebook of every page that has code, in the order of the table of contents."""
    return {
        docname: nbformat.read(executed_path(app, docname), as_version=4)
        for docname in sorted(app.env.found_docs, key=_toc_order(app))
        if executed_path(app, docname).exists() and _is_notebook(app.env, docname)
    }


def _toc_order(app: Sphinx) -> Any:
    order = {name: i for i, name in enumerate(getattr(app.env, "external_site_map", ()))}
    return lambda docname: (order.get(docname, len(order)), docname)


def _is_notebook(env: BuildEnvironment, docname: str) -> bool:
    path = Path(env.doc2path(docname))
    return path.suffix == ".md" and is_myst_markdown_notebook(path.read_text())


def digest(path: Path) -> str:
    """Hash of a file; "missing" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def source_digest(root: Path) -> str:
    """One hash of all of `src`, names and contents."""
    files = sorted((root / "src").rglob("*.py"))
    return hashlib.sha256("".join(f"{f.relative_to(root)} {digest(f)}\n" for f in files).encode()).hexdigest()


def why_stale(root: Path, page: Path, stored: Path) -> str | None:
    """The reason why `page` must run, or None where what it printed still stands."""
    if not stored.exists():
        return "not run yet"
    kept = nbformat.read(stored, as_version=4).metadata.get(KEY, {})
    if kept.get("python") != platform.python_version():
        return f"run by Python {kept.get('python')}"
    if kept.get("page") != digest(page):
        return "the page changed"
    changed = [name for name, known in kept["depends"].items() if digest(root / name) != known]
    return f"changed: {', '.join(changed)}" if changed else None


def run_page(root: Path, page: Path, stored: Path, *, label: str) -> None:
    """Execute `page` in a new kernel and keep the result at `stored`.

    Raises:
        PageError: where a cell fails, or is not run; with the cell and its traceback.
    """
    before, started = digest(page), time.time()
    notebook = read_myst_markdown_notebook(page.read_text(), path=page)
    cells = notebook.cells
    notebook.cells = [nbformat.v4.new_code_cell(PREAMBLE), *cells, nbformat.v4.new_code_cell(REPORT)]
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    with tqdm(total=total, desc=label, unit="cell", leave=False) as bar, _Clock() as clock:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
            resources={"metadata": {"path": str(page.parent)}},
            on_cell_executed=lambda **_: bar.update(),
            extra_arguments=["--log-level=ERROR"],  # a warning about its own set-up is nothing that a page says
        )
        try:
            # One thread a process: numbers do not depend on the number of cores, and workers do not fight over them.
            client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise PageError(f"{page.relative_to(root)} failed:\n{error}") from error
    *cells, report = notebook.cells[1:]
    notebook.cells = cells
    for cell in cells:
        if cell.cell_type == "code":
            _check_cell(page.relative_to(root), cell)
            cell.execution_count -= 1  # the preamble was the first
            cell.outputs = list(_without_progress_bars(cell.outputs))
            cell.metadata.pop("execution", None)
    (result,) = (output for output in report.outputs if output.output_type == "execute_result")
    files = [Path(name) for name in json.loads(ast.literal_eval(result.data["text/plain"]))]
    depends = {str(f.relative_to(root)) for f in files if _belongs_to(root, f)} | {"requirements.txt"}
    notebook.metadata[KEY] = {
        "page": before,
        "python": platform.python_version(),
        "depends": {name: _digest_at(started, root / name) for name in sorted(depends)},
        "seconds": clock.seconds,
        "peak_memory": clock.peak_memory,
        "source": source_digest(root),
        "provenance": provenance(),
    }
    write_atomically(stored, nbformat.writes(notebook).encode())


def _check_cell(page: Path, cell: nbformat.NotebookNode) -> None:
    """Refuse a cell that was not run, one that was to raise and did not, and a failed claim that a tag lets pass."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    if not cell.execution_count:
        raise PageError(f"{page} has a cell that was not run:\n{cell.source or '(it is empty)'}")
    if "raises-exception" in cell.metadata.get("tags", ()) and not errors:
        raise PageError(f"{page} has a cell tagged raises-exception that raised nothing:\n{cell.source}")
    for error in errors:
        if error.ename == claims.ClaimError.__name__:
            raise PageError(f"{page} failed:\n{error.ename}: {error.evalue}")


def _digest_at(started: float, file: Path) -> str:
    """The file's hash, or words that no hash equals: who edits a file while a page runs does not get a fresh page."""
    if file.is_file() and file.stat().st_mtime > started:
        return "changed while the page ran"
    return digest(file)


def _belongs_to(root: Path, file: Path) -> bool:
    """Whether a page that opened `file` stands on it: it is the repository's own, and no build or environment."""
    if not file.is_relative_to(root) or file.suffix == ".pyc" or file.is_dir():
        return False
    parts = file.relative_to(root).parts
    return not any(part.startswith((".", "_build")) or part.endswith(".egg-info") for part in parts)


_BAR = re.compile(r"\[[\d:]+(<[\d:?]+)?, [^\]]*(/s|s/)")  # the clock and the rate that end tqdm's bars
_CURSOR = re.compile(r"\x1b\[[\d;]*[A-Za-z]")  # moves a bar up to its line, among several


def _without_progress_bars(outputs: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """Drop tqdm's bars, which a reader sees live; anything else on the standard error stays and is warned about."""
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            lines = re.split(r"[\r\n]+", _CURSOR.sub("", output.text))
            output.text = "\n".join(line for line in lines if line.strip() and not _BAR.search(line))
            if not output.text:
                continue
        yield output


class _Clock:
    """Seconds, and peak memory of the kernels this process started and of their workers.

    Memory is the proportional set size where the system tells it: pages shared by several workers count once.
    """

    def __enter__(self) -> "_Clock":
        self._stop = threading.Event()
        self.peak_memory = 0
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._start = time.monotonic()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._start
        self._stop.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            memory = 0
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    info = process.memory_full_info()
                    memory += getattr(info, "pss", info.uss)
            self.peak_memory = max(self.peak_memory, memory)


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages whose result no longer stands, and, where there are any, the pages that gather from all others."""
    root = root_of(app)
    stale = [
        docname
        for docname in env.found_docs
        if _is_notebook(env, docname) and why_stale(root, Path(env.doc2path(docname)), executed_path(app, docname))
    ]
    return stale + [name for name in env.found_docs if name in app.config.pages_without_code] if stale else []


def run_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run what must run, and stop the build where a page fails or has nothing that runs without saying why."""
    root = root_of(app)
    listed: dict[str, str] = app.config.pages_without_code
    failures = []
    docs = sorted(env.found_docs, key=_toc_order(app))
    for docname in docs:
        page = Path(env.doc2path(docname))
        has_code = _is_notebook(env, docname) and any(
            cell.cell_type == "code" for cell in read_myst_markdown_notebook(page.read_text()).cells
        )
        if has_code and docname in listed:
            failures.append(f"{docname} has code but is listed in pages_without_code")
        elif not has_code and docname not in listed:
            failures.append(f"{docname} did not execute: it has no code, and pages_without_code gives no reason")
        elif has_code:
            stored = executed_path(app, docname)
            why = why_stale(root, page, stored)
            if why is None:
                tqdm.write(f"page {docname}: unchanged, not run again")
                continue
            tqdm.write(f"page {docname}: running ({why})")
            stored.unlink(missing_ok=True)
            try:
                run_page(root, page, stored, label=docname)
            except PageError as error:
                failures.append(str(error))
            else:
                kept = nbformat.read(stored, as_version=4).metadata[KEY]
                memory = kept["peak_memory"] / 2**30
                tqdm.write(f"page {docname}: ran in {kept['seconds']:.1f} s, peak memory {memory:.2f} GB")
    if failures:
        raise PageError("\n\n".join(failures))


class ExecutedPage(NotebookClientBase):  # type: ignore[misc]  # MyST-NB is untyped
    """Gives MyST-NB the outputs of the run that `run_pages` kept."""

    def start_client(self) -> None:
        stored = nbformat.read(self._kwargs["stored"], as_version=4)
        for cell, ran in zip(self.notebook.cells, stored.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
                for output in ran.outputs:
                    if output.output_type == "stream" and output.name == "stderr":
                        self.logger.warning(f"a cell wrote to the standard error:\n{output.text}", subtype="exec")


def _create_client(app: Sphinx) -> Any:
    def create_client(
        notebook: nbformat.NotebookNode, source: str, nb_config: Any, log: Any, read_fmt: Any = None
    ) -> NotebookClientBase:
        docname = app.env.path2doc(source)
        return ExecutedPage(notebook, Path(source), nb_config, log, stored=executed_path(app, str(docname)))

    return create_client


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("pages_without_code", {}, "env", [dict])
    app.connect("env-get-outdated", outdated)
    app.connect("env-before-read-docs", run_pages)
    # MyST-NB has no hook for another way to run a page; this is the one place where it asks for a client.
    myst_nb_sphinx.create_client = _create_client(app)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
