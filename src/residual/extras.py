"""Says which extra a room needs where its packages are missing."""

from importlib.util import find_spec


def need(room: str, extra: str, *modules: str) -> None:
    """Check that the packages of an extra can be imported.

    Raises:
        ImportError: naming the room, the packages that are missing and the extra that brings them.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ImportError(f"{room} needs {', '.join(missing)}: pip install 'residual[{extra}]'")
