"""Installed without extras, the library works on what it says it needs, and names the extra that a room lacks."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def needed(name: str) -> set[str]:
    """The packages that an install of `residual` brings without extras, by their names; none of them from elsewhere."""
    names: set[str] = set()
    todo = [name]
    while todo:
        for line in distribution(todo.pop()).requires or ():
            requirement = Requirement(line)
            if requirement.name not in names and (
                requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ):
                names.add(requirement.name)
                todo.append(requirement.name)
    return names


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with this package, installed by pip, and links to what it needs: nothing is fetched."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in needed("residual"):
        try:
            files = distribution(name).files or ()
        except PackageNotFoundError:
            pytest.fail(f"{name} is needed without extras and not installed here")
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    python = folder / "bin" / "python"
    source = tmp_path_factory.mktemp("source")  # the build leaves its own files beside what it builds
    for part in ("pyproject.toml", "README.md", "LICENSE", "src", "book/residual_book"):
        (source / part).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", ROOT / part, source / part], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", source], check=True)
    return python


def run(python: Path, code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True)


def test_networks_training_and_probes_work_without_extras(python: Path) -> None:
    code = """
import importlib.metadata, sys, tempfile, torch
from pathlib import Path
from types import SimpleNamespace
from residual.probes.cost import cost
from residual.training import Recipe, fit
from residual.vision import CifarNet, load_weights, save_weights
from residual import training, probes, vision

net = CifarNet(8, width=4)
data = SimpleNamespace(train_images=torch.randn(8, 3, 8, 8), train_labels=torch.arange(8))
fit(net, data, Recipe(epochs=1, batch_size=4), progress=False)
path = Path(tempfile.mkdtemp(), "net.safetensors")
save_weights(net, path)
load_weights(net, path)
print(cost(net, (3, 8, 8)).totals["parameters"], "site-packages" in vision.__file__)
"""
    done = run(python, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "True"


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("import residual.ocsf", "records"),
        ("import residual.simulate", "records"),
        ("import residual.tabular", "records"),
        ("import residual.nnx", "nnx"),
        ("import residual.vision.export", "export"),
        ("from residual.vision.data import digits; digits()", "digits"),
    ],
)
def test_a_missing_extra_is_named(python: Path, code: str, extra: str) -> None:
    done = run(python, code)
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert f"residual[{extra}]" in done.stderr.splitlines()[-1]


def test_the_command_says_what_it_needs(python: Path) -> None:
    command = python.with_name("residual")
    assert subprocess.run([command, "--help"], capture_output=True).returncode == 0
    done = subprocess.run([command, "inspect", "nowhere"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "residual[records]" in done.stderr
