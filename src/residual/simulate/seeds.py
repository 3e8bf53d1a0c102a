"""One tree of random generators: every purpose and day has its own branch, so that one never shifts another."""

from typing import Literal

import numpy as np

Purpose = Literal["organization", "directory", "reference", "episodes", "activity", "records"]
PURPOSES: tuple[Purpose, ...] = ("organization", "directory", "reference", "episodes", "activity", "records")


def generator(seed: int, purpose: Purpose, *path: int) -> np.random.Generator:
    """The generator at `path` (a day, a part) below `purpose`; the same address always gives the same numbers."""
    key = (PURPOSES.index(purpose), *path)
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=key))
