"""What several tests stand on: steady threads, hypothesis without a clock, and CIFAR-10 where it is at hand."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# Nets of tests take less time than the start of a process to train them in; read when the book's code is imported.
os.environ["RESIDUAL_WORKERS"] = "1"
# No deadline: a test says what is true, not how fast. Derandomized: the same commit gives the same verdict.
settings.register_profile("residual", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("residual")

CIFAR10_COPY = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Sums in float32 depend on the number of threads; tests that ask for equal bits need one number."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cifar10_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The JPEG copy of CIFAR-10 in the official binary layout, removed afterwards (184 MB)."""
    if not CIFAR10_COPY.is_dir():
        pytest.skip("no ../shared/data/cifar10 beside the repository: the copy of CIFAR-10 is not at hand")
    folder = tmp_path_factory.mktemp("cifar10")
    subprocess.run([sys.executable, str(CIFAR10_COPY / "unpack.py"), str(folder)], check=True)
    yield folder
    shutil.rmtree(folder)
