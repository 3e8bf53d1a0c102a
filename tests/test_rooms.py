"""The walls of the house: imports go down one list of rooms, the library knows no book, pages know no other page."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY, BOOK = ROOT / "src" / "residual", ROOT / "book" / "residual_book"
ROOMS = (
    "cli", "serve", "scale", "detect", "tabular", "simulate", "ocsf", "nnx", "vision", "probes", "training", "storage",
    "extras",
)  # fmt: skip
ONLY_IN = {
    "jax": ["nnx"], "flax": ["nnx"], "optax": ["nnx"], "scipy": ["tabular", "detect"], "faiss": ["detect"],
    "ray": ["scale"], "fastapi": ["serve"],
}  # fmt: skip
NOT_IN_LIBRARY = {"residual_book", "matplotlib", "IPython", "joblib", "pyod"}
MODULES = [path for path in sorted(LIBRARY.rglob("*.py")) if path != LIBRARY / "__init__.py"]
PAGES = [  # such as part1/degradation
    folder.relative_to(BOOK) for folder in sorted(path.parent for path in BOOK.glob("*/*/__init__.py"))
]
# What the import of a room brings, beside what it must: a user of one room need not have installed another's packages.
EXTRAS = {
    "polars", "pyarrow", "ocsf_json_schema", "jsonschema_rs", "sklearn", "jax", "flax", "optax", "scipy", "matplotlib",
    "IPython", "onnx", "onnxscript", "onnxruntime", "rtdl_num_embeddings", "rtdl_revisiting_models", "faiss", "pyod",
}  # fmt: skip
BRINGS = {
    "residual": set(),
    "residual.storage": set(),
    "residual.training": set(),
    "residual.probes": set(),
    "residual.vision": set(),
    "residual.scale": set(),
    "residual.nnx": {"jax", "flax", "optax", "scipy", "IPython"},  # flax shows its modules in notebooks
    "residual.ocsf": {"polars", "pyarrow", "ocsf_json_schema", "jsonschema_rs"},
    "residual.simulate": {"polars", "pyarrow", "ocsf_json_schema", "jsonschema_rs"},
    "residual.tabular": {"polars", "pyarrow", "sklearn", "scipy", "ocsf_json_schema", "jsonschema_rs"},
    "residual.detect": {"polars", "pyarrow", "sklearn", "scipy", "ocsf_json_schema", "jsonschema_rs"},
    "residual.cli": set(),
}


def imported(path: Path) -> Iterator[str]:
    """Full names of all that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the package in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def test_every_module_has_a_room() -> None:
    assert MODULES
    assert {room(path) for path in MODULES} <= set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_go_down(path: Path) -> None:
    for name in imported(path):
        first, *rest = name.split(".")
        if first == "residual":
            assert ROOMS.index(rest[0]) >= ROOMS.index(room(path)), f"{room(path)} imports {name}"
        assert room(path) in ONLY_IN.get(first, [room(path)]), f"{room(path)} imports {name}"
        assert first not in NOT_IN_LIBRARY, f"the library imports {name}"


def test_pages_share_what_stands_beside_them_and_nothing_else() -> None:
    assert len(PAGES) > 10
    for path in BOOK.rglob("*.py"):
        inside = path.relative_to(BOOK).parts
        for name in imported(path):
            parts = tuple(name.split("."))[1:]
            if name.startswith("residual_book.") and len(parts) > 2 and Path(*parts[:2]) in PAGES:
                assert parts[:2] == inside[:2] or inside == ("cli.py",), f"{Path(*inside)} imports {name}"


def test_only_figures_draw() -> None:
    drawing = {
        path.relative_to(BOOK) for path in BOOK.rglob("*.py") if any(n.startswith("matplotlib") for n in imported(path))
    }
    assert {path.stem.removesuffix("_figures") for path in drawing} <= {
        "figures",
        "style",
        "cover",
        "grids",
        "sights",
        "speeds",
        "sheets",
    }


@pytest.mark.parametrize("name", BRINGS)
def test_what_an_import_of_a_room_loads(name: str) -> None:
    code = f"import json, sys, {name}; print(json.dumps(sorted(m for m in sys.modules if '.' not in m)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout.splitlines()[-1]))
    assert loaded & EXTRAS <= BRINGS[name]
    assert "residual_book" not in loaded


@pytest.mark.parametrize(
    "name", [name for name in BRINGS if name not in ("residual", "residual.storage", "residual.cli")]
)
def test_a_room_says_what_it_offers(name: str) -> None:
    tree = ast.parse((LIBRARY / name.partition(".")[2] / "__init__.py").read_text())
    assert ast.get_docstring(tree)
    assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body)


def test_the_imports_that_the_readme_shows_work() -> None:
    block = (ROOT / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    imports = [line for line in block.splitlines() if line.startswith("from ")]
    assert len(imports) >= 3
    exec("\n".join(imports), {})
