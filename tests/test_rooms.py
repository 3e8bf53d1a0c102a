"""The rooms of the package: an import only goes down the list, and some libraries are known in one room alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "residual"
ROOMS = (
    "cli", "serve", "scale", "experiments", "detect", "tabular", "ocsf", "nnx", "vision", "probes", "training", "plots",
    "claims", "files",
)  # fmt: skip
ONLY_IN = {"matplotlib": "plots", "jax": "nnx", "flax": "nnx", "optax": "nnx", "ray": "scale", "fastapi": "serve"}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.name != "__init__.py"]


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of all that a module imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the package in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_a_room() -> None:
    assert MODULES
    assert {room(path) for path in MODULES} <= set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    for name in imported(ast.parse(path.read_text())):
        first, *rest = name.split(".")
        if first == "residual":
            assert ROOMS.index(rest[0]) >= ROOMS.index(room(path)), f"{room(path)} imports {name}"
        assert ONLY_IN.get(first, room(path)) == room(path), f"{room(path)} imports {name}"
