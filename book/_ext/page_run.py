"""Run one page from top to bottom, and note what it took and what it stands on."""

import ast
import asyncio
import hashlib
import json
import os
import platform
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import psutil
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sphinx.errors import SphinxError
from tqdm import tqdm

from residual.storage import write_atomically
from residual_book import claims
from residual_book.recording import provenance

KEY = "residual"  # of what we keep in the executed notebook's metadata
SOURCES = ("src", "book/residual_book")  # whose code pages import
PACKAGES = ("jax", "flax", "optax", "onnx", "onnxruntime", "polars")  # named at the foot of a page that imports them
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


def digest(path: Path) -> str:
    """Hash of a file; "missing" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


def stamp(file: Path) -> tuple[int, int] | None:
    """Time of the last change and size, which tell one state of a file from another, even if the time is to come."""
    return (file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else None


def stamps(root: Path) -> dict[str, tuple[int, int] | None]:
    """The stamp of every file that is the repository's own, by its name."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _belongs_to(root, Path(folder, name))]
        found.update({str(Path(folder, name).relative_to(root)): stamp(Path(folder, name)) for name in names})
    return found


def source_digest(root: Path) -> str:
    """One hash of the code of library and book, names and contents."""
    files = sorted(file for folder in SOURCES for file in (root / folder).rglob("*.py"))
    return hashlib.sha256("".join(f"{f.relative_to(root)} {digest(f)}\n" for f in files).encode()).hexdigest()


async def run_page(root: Path, page: Path, stored: Path, *, label: str, checkpoints: Path, cores: int) -> None:
    """Execute `page` in a new kernel and an empty folder, and keep the result at `stored`; others may run meanwhile.

    The page spreads its work over as many processes as it has `cores`. Pages that are given the same folder of
    `checkpoints` train a network that they share once, while the code stays as it is.

    Raises:
        PageError: where a cell fails, or is not run; with the cell and its traceback.
    """
    written, before = digest(page), stamps(root)
    trained = checkpoints / source_digest(root)
    trained.mkdir(parents=True, exist_ok=True)
    # One thread a process: numbers do not depend on how many cores there are, and workers, or pages side by side, do
    # not fight over them.
    settings = {"OMP_NUM_THREADS": "1", "RESIDUAL_WORKERS": str(cores), "RESIDUAL_CHECKPOINTS": str(trained)}
    # A page runs the code beside it, wherever the environment has the packages from.
    others = os.environ.get("PYTHONPATH")
    settings["PYTHONPATH"] = os.pathsep.join([f"{root}/src", f"{root}/book", *([others] if others else [])])
    notebook = read_myst_markdown_notebook(page.read_text(), path=page)
    cells = notebook.cells
    notebook.cells = [nbformat.v4.new_code_cell(PREAMBLE), *cells, nbformat.v4.new_code_cell(REPORT)]
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    # An empty folder, as where a reader opens the notebook: nothing of the repository is found by a relative path.
    with TemporaryDirectory() as empty, tqdm(total=total, desc=label, unit="cell", leave=False) as bar:
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name=notebook.metadata.get("kernelspec", {}).get("name", "python3"),
            resources={"metadata": {"path": empty}},
            on_notebook_start=_leave_signals_alone,
            on_cell_executed=lambda **_: bar.update(),
            extra_arguments=["--log-level=ERROR"],  # a warning about its own set-up is nothing that a page says
        )
        try:
            with _Clock(client) as clock:
                await client.async_execute(env={**os.environ, **settings})
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
    own = [file for file in files if _belongs_to(root, file) and not file.is_dir()]
    depends = {str(file.relative_to(root)) for file in own} | {"requirements.txt"}
    notebook.metadata[KEY] = {
        "page": written,
        "python": platform.python_version(),
        "depends": {
            name: digest(root / name) if stamp(root / name) == before.get(name) else "changed while the page ran"
            for name in sorted(depends)  # who edits a file while a page runs does not get a fresh page
        },
        "seconds": clock.seconds,
        "cores": cores,
        "peak_memory": clock.peak_memory,
        "source": source_digest(root),
        "provenance": provenance() | _versions(files),
    }
    write_atomically(stored, nbformat.writes(notebook).encode())


def _versions(files: Iterable[Path]) -> dict[str, str]:
    """Of those `PACKAGES` that a page imports, given the files of all its modules."""
    imported = {file.parent.name for file in files if file.name == "__init__.py"}
    return {package: version(package) for package in PACKAGES if package in imported}


def _leave_signals_alone(**_: object) -> None:
    """Undo nbclient's handlers: they end one kernel and swallow the signal, so that Ctrl+C would not stop the build."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)


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


def _belongs_to(root: Path, file: Path) -> bool:
    """Whether a page that opened `file` stands on it: it is the repository's own, and no build or environment."""
    if not file.is_relative_to(root) or file.suffix == ".pyc":
        return False
    parts = file.relative_to(root).parts
    return not any(part.startswith((".", "_build", "node_modules")) or part.endswith(".egg-info") for part in parts)


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
    """Seconds, and peak memory of a client's kernel and of its workers.

    Memory is the proportional set size where the system tells it: pages shared by several workers count once.
    """

    def __init__(self, client: NotebookClient) -> None:
        self._client = client
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.peak_memory = 0

    def __enter__(self) -> "_Clock":
        self._start = time.monotonic()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._start
        self._stop.set()
        self._watcher.join()

    def _watch(self) -> None:
        pause = 0.5
        while not self._stop.wait(pause):
            pause = min(2 * pause, 4.0)  # the system walks all pages of a worker to tell, and the worker waits
            memory = 0
            with suppress(psutil.NoSuchProcess):
                for process in self._processes():
                    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                        info = process.memory_full_info()
                        memory += getattr(info, "pss", info.uss)
            self.peak_memory = max(self.peak_memory, memory)

    def _processes(self) -> list[psutil.Process]:
        provisioner = self._client.km and self._client.km.provisioner
        if not isinstance(provisioner, LocalProvisioner) or provisioner.pid is None:
            return []  # not started yet, or ended
        kernel = psutil.Process(provisioner.pid)
        return [kernel, *kernel.children(recursive=True)]
