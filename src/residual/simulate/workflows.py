"""What people and service accounts do, read from `workflows.toml`: tasks, each a small grammar of steps.

Told in `book/part3/simulator.md`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.simulate import words
from residual.simulate.words import data

CALL, PROGRAM, VISIT, INSIDE, SIGN_IN = range(5)  # kinds of step
SIGN_INS = ("portal", "console", "gateway", "bastion", "domain", "files")  # as the kinds of sign-in service
ROTATION = ("even", "odd")
_FLOWS = data("workflows.toml")
PEOPLE, SERVICES = (_FLOWS[name].strip().splitlines() for name in ("people", "services"))
_ROLES = [line.split() for line in _FLOWS["roles"].strip().splitlines()]
ROLES = "".join(letter for _, letter, _ in _ROLES)  # in the order of `words.ROLES`
RUNS = [*(float(runs) for _, _, runs in _ROLES), 0.0]  # tasks on a normal day, by role; accounts have schedules

OWN = 4  # the first tasks of service accounts: no account has two of them
VARIANTS = 24  # of each task; everybody has a few that are their own way to do it


@dataclass(frozen=True)
class Workflows:
    """All tasks with their variants: variant `v` of task `t` has the steps from `first[t, v]`, `length[t, v]` many."""

    first: NDArray[np.int64]
    length: NDArray[np.int64]
    kind: NDArray[np.int64]
    what: NDArray[np.int64]  # an operation, tool, category, port, or kind of sign-in service
    gap: NDArray[np.float64]  # usual seconds since the step before
    period: NDArray[np.float64]  # minutes from run to run, of tasks of service accounts; 0 for people's
    weight: NDArray[np.float64]  # [tasks, roles] of people
    rotation: NDArray[np.int64]  # the days on which a task is done, of two; -1 for both

    def uses(self, operation: int) -> NDArray[np.float64]:
        """How often each task calls an operation, on average over its variants."""
        here = np.cumsum(np.append(0, (self.kind == CALL) & (self.what == operation)))
        return (here[self.first + self.length] - here[self.first]).mean(axis=1)

    @property
    def provision(self) -> int:
        """The task whose order attacks have, too."""
        return len(self.period) - 1


def workflows(rng: np.random.Generator) -> Workflows:
    """Read the tasks, and draw variants of each."""
    lines = [*PEOPLE, *SERVICES, f"0 | {_FLOWS['provision']}"]
    rows = [tuple(half.split() for half in line.split(" | ")) for line in lines]
    weight, period, rotation = np.zeros((len(rows), len(ROLES))), np.zeros(len(rows)), np.full(len(rows), -1)
    variants: list[list[tuple[int, int, float]]] = []
    for task, (head, steps) in enumerate(rows):
        for entry in head:
            if entry in ROTATION:
                rotation[task] = ROTATION.index(entry)
            elif entry[0] == "*":
                weight[task] = float(entry[1:])
            elif entry[0] in ROLES:
                weight[task, ROLES.index(entry[0])] = float(entry[1:])
            else:
                period[task] = float(entry)
        variants += [_variant(steps, 2.0 if period[task] else 15.0, rng) for _ in range(VARIANTS)]
    length = np.array([len(steps) for steps in variants])
    kind, what, gap = (np.array(column) for column in zip(*(step for v in variants for step in v), strict=True))
    first, length = (n.reshape(-1, VARIANTS) for n in (np.cumsum(length) - length, length))
    return Workflows(first, length, kind, what, gap, period, weight, rotation)


def _variant(steps: list[str], usual: float, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    drawn, pause = [], 0.0
    for step in steps:
        name = step.rstrip("?+*")
        low, high = {"?": (0, 1), "+": (1, 3), "*": (3, 8)}.get(step[len(name) :], (1, 1))
        if name == "..":
            pause = 600.0 if usual > 10 else 60.0
            continue
        for _ in range(rng.integers(low, high + 1)):
            drawn.append((*_step(str(rng.choice(name.split("/")))), usual + pause))
            pause = 0.0
    return drawn


_OPERATIONS = [row[1] for row in words.OPERATIONS]


def _step(name: str) -> tuple[int, int]:
    sign, rest = name[0], name[1:]
    if sign == "@":
        return PROGRAM, words.TOOLS.index(rest)
    if sign == ">":
        return VISIT, words.CATEGORIES.index(rest)
    if sign == ":":
        return INSIDE, int(_FLOWS["ports"][rest])
    if sign == "!":
        return SIGN_IN, SIGN_INS.index(rest)
    return CALL, _OPERATIONS.index(name)
