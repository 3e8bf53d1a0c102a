"""Run every page, and reuse what a page printed only while nothing it stands on has changed.

MyST-NB's own cache looks at a page's code cells alone: edit an imported module and the page still prints the old
number. Here a page is run by `nbclient` before Sphinx reads anything; the executed notebook is kept with the hash of
each file that the run opened or imported from this repository (as a compiler writes the headers it read), and is used
again only while the page, those files, the pins and the Python are the same. What failed is not kept, so it fails every
time.

Two pages run side by side, each on one core, which keeps both cores busy all the time. A page that runs alone has both.
"""

import asyncio
import platform
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import nbformat
from myst_nb import sphinx_ as myst_nb_sphinx
from myst_nb.core.execute.base import NotebookClientBase
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from tqdm import tqdm

import residual
import residual_book
from page_run import KEY, PageError, digest, run_page

CORES = 2  # that a build may expect
T = TypeVar("T")


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
    """The executed notebook of every page that has code, in the order of the table of contents; not to be changed."""
    return {
        docname: _read_once(path, path.stat().st_mtime_ns)
        for docname in sorted(app.env.found_docs, key=_toc_order(app))
        if (path := executed_path(app, docname)).exists() and _is_notebook(app.env, docname)
    }


@cache
def _read_once(path: Path, changed: int) -> nbformat.NotebookNode:
    """All notebooks are asked for on every page that is written. `changed` tells one run's file from the next one's."""
    return nbformat.read(path, as_version=4)


def _toc_order(app: Sphinx) -> Any:
    order = {name: i for i, name in enumerate(getattr(app.env, "external_site_map", ()))}
    return lambda docname: (order.get(docname, len(order)), docname)


def _is_notebook(env: BuildEnvironment, docname: str) -> bool:
    path = Path(env.doc2path(docname))
    return path.suffix == ".md" and _is_notebook_once(path, path.stat().st_mtime_ns)


@cache
def _is_notebook_once(path: Path, changed: int) -> bool:
    """Asked as often, of a file whose time of change is `changed`."""
    return is_myst_markdown_notebook(path.read_text())


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


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages whose result no longer stands, and, where there are any, the pages that gather from all others."""
    root = root_of(app)
    stale = [
        docname
        for docname in env.found_docs
        if _is_notebook(env, docname) and why_stale(root, Path(env.doc2path(docname)), executed_path(app, docname))
    ]
    return stale + [name for name in env.found_docs if name in app.config.pages_without_code] if stale else []


def check_environment(root: Path) -> None:
    """Refuse to build a book with another checkout's code, as an environment does that was copied with its checkout.

    Raises:
        PageError: naming the folder whose code would run.
    """
    for package, own in ((residual, root / "src" / "residual"), (residual_book, root / "book" / "residual_book")):
        imported = Path(str(package.__file__)).resolve().parent
        if own.is_dir() and imported != own.resolve():
            raise PageError(
                f"this environment runs {imported}, not {own}: `make clean`, then `make book`, makes its own"
            )


def run_pages(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Run what must run, and stop the build where a page fails or has nothing that runs without saying why."""
    root = root_of(app)
    check_environment(root)
    listed: dict[str, str] = app.config.pages_without_code
    failures = []
    due = []
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
            else:
                due.append(_Due(docname, page, stored, why))
    failures += asyncio.run(_run_all(root, due))
    if failures:
        raise PageError("\n\n".join(failures))


@dataclass(frozen=True)
class _Due:
    """A page that must run, and why."""

    docname: str
    page: Path
    stored: Path
    why: str


async def _run_all(root: Path, due: list[_Due]) -> list[str]:
    """Run the pages and return what is wrong with those that failed."""
    cores = CORES if len(due) == 1 else 1
    with TemporaryDirectory() as checkpoints:
        jobs = [partial(_run, root, one, Path(checkpoints), cores) for one in due]
        return [failure for failure in await side_by_side(jobs) if failure]


async def _run(root: Path, due: _Due, checkpoints: Path, cores: int) -> str | None:
    tqdm.write(f"page {due.docname}: running ({due.why})")
    due.stored.unlink(missing_ok=True)
    try:
        await run_page(root, due.page, due.stored, label=due.docname, checkpoints=checkpoints, cores=cores)
    except PageError as error:
        return str(error)
    kept = nbformat.read(due.stored, as_version=4).metadata[KEY]
    memory = kept["peak_memory"] / 2**30
    tqdm.write(f"page {due.docname}: ran in {kept['seconds']:.1f} s, peak memory {memory:.2f} GB")
    return None


async def side_by_side(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of the jobs in their order; they start in that order too, and no more than `CORES` run at a time."""
    limit = asyncio.Semaphore(CORES)

    async def run(job: Callable[[], Awaitable[T]]) -> T:
        async with limit:
            return await job()

    return await asyncio.gather(*map(run, jobs))


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
