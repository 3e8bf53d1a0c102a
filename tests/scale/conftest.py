"""What two processes computed together, once for all tests of the folder: starting them takes seconds."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import scale_worker
from scale_worker import CHECKPOINT
from several_processes import torchrun

WORKER = Path(scale_worker.__file__)


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A job of which one process was killed in its second epoch, and the folder with what it left."""
    folder = tmp_path_factory.mktemp("killed")
    return folder, torchrun(WORKER, "killed", folder)


@pytest.fixture(scope="session")
def together(killed: tuple[Path, CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all that a job wrote, which began with going on where the killed one was."""
    folder = tmp_path_factory.mktemp("together")
    shutil.copy(killed[0] / CHECKPOINT, folder)
    job = torchrun(WORKER, "all", folder)
    assert job.returncode == 0, job.stderr
    return folder
