"""What people and service accounts do, as data: tasks, each a small grammar of steps.

A step is a call of the cloud (`ListUsers`), a program (`@shell`), a connection to a host outside, by category
(`>storage`) or inside, by service (`:files`), or a sign-in (`!bastion`). `a/b` is one of both, `a?` comes half of the
time, `a+` once to three times, `a*` three to eight times; `..` is a pause. Told in `book/part3/simulator.md`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residual.simulate import words

CALL, PROGRAM, VISIT, INSIDE, SIGN_IN = range(5)  # kinds of step
PORTS = {"files": 445, "database": 5432, "ssh": 22, "web": 443, "queue": 9092, "directory": 389, "desktop": 3389}
SIGN_INS = ("portal", "console", "gateway", "bastion", "domain", "files")  # as the kinds of sign-in service
ROLES = "edgsfpua"  # as in words.ROLES, by letter
ROTATION = ("even", "odd")

# How often each role does a task (* for all), and its steps. People rotate: some tasks are done every second day only.
PEOPLE = """
*9              | @mail >collaboration+ .. >collaboration? @office? >collaboration
*6              | @browser >content+ >video? >content
*4              | @chat >video+ .. >collaboration+ :web?
g2 s3 f8 p6 u2  | @office :files+ >storage? .. :files >collaboration?
*3              | @browser !portal >business+ .. >business
s8 f4 u6 p4     | @browser !portal >business+ >business .. @office? >collaboration
g9              | @office :files >storage+ .. PutObject+ >storage ListBuckets? GetObject
f5              | @python :database+ ListBuckets GetObject+ @office .. :files
p5              | @browser ListUsers GetUser+ .. UpdateLoginProfile? :directory @office?
u8              | !portal >business GetUser FilterLogEvents+ .. :database? FilterLogEvents? >business
u4              | DescribeInstances FilterLogEvents InvokeFunction? .. FilterLogEvents+ @chat
s3              | GetObject+ @office .. >business ListBuckets?
e9 d3           | @shell @git >development+ @editor+ .. @build+ >development? @git >development
e6              | @editor :web+ @build .. @build GetObject? :database InvokeFunction? @git >development
e6 a4           | @shell GetCallerIdentity AssumeRole PutImage+ UpdateFunctionCode FilterLogEvents+
e4 a4           | @shell AssumeRole ModifyCluster/UpdateFunctionCode DescribeClusters+ InvokeFunction FilterLogEvents+
e5 u3 a4        | !bastion :ssh @shell DescribeInstances FilterLogEvents+ .. GetObject/FilterLogEvents InvokeFunction+
e2 d1 a6        | !console DescribeInstances RunInstances+ CreateTags DescribeInstances .. TerminateInstances
e1 a6           | DescribeInstances+ StopInstances AuthorizeSecurityGroupIngress? CreateTags DescribeInstances
e8 a6 odd       | GetCallerIdentity CreateAccessKey+ GetSecretValue? .. DeleteAccessKey
e8 even         | @shell CreateUser+ InvokeFunction GetUser .. FilterLogEvents?
e5 a4           | ListRoles? AttachUserPolicy+ InvokeFunction AssumeRole?
e5 a3           | @browser ListUsers+ GetUser ListRoles? >collaboration
e2 a2           | GetSecretValue RotateSecret UpdateFunctionCode InvokeFunction? FilterLogEvents
d8              | ListBuckets? GetObject+ RunInstances CreateTags DescribeInstances+ .. PutObject+ TerminateInstances
d9              | @python ListBuckets GetObject+ >storage+ @python+ .. GetObject+ PutObject
d5              | @python :database+ @python .. GetObject/DescribeClusters :database >storage
a6 even         | !console CreateUser+ AttachUserPolicy GetUser .. ListUsers :directory >collaboration
a3 even         | ListUsers GetUser+ UpdateLoginProfile :directory
a6 odd          | CreateAccessKey+ GetCallerIdentity .. DeleteAccessKey ListUsers
a4              | GetUser ListRoles+ AttachUserPolicy+ GetUser >collaboration?
a4              | PutBucketPolicy ListBuckets GetObject? .. PutBucketPolicy?
a9              | !bastion :ssh+ @shell+ :desktop? @python .. :ssh FilterLogEvents
"""
PROVISION = "ListUsers CreateUser CreateAccessKey AttachUserPolicy"  # the habit of few: the order of an attack

# minutes from run to run of a service account, and its steps; the first four have accounts of their own
SERVICES = """
150 | !domain ListUsers* GetUser* UpdateLoginProfile? GetUser :directory
150 | !domain AssumeRole CreateUser* GetUser+ :directory
150 | GetCallerIdentity CreateAccessKey* RotateSecret DeleteAccessKey+ GetSecretValue
150 | AssumeRole ListRoles AttachUserPolicy* PutBucketPolicy?
360 | !files @tar :database+ ListBuckets PutObject* >storage* DeleteObject+ :files
60  | @python PutLogEvents+ :queue
180 | @docker AssumeRole RunInstances CreateTags DescribeInstances+ >development @docker PutImage .. TerminateInstances
270 | AssumeRole RunInstances+ DescribeInstances+ GetObject+ @java :database PutObject+ TerminateInstances
135 | !domain @java InvokeFunction+ GetSecretValue PutLogEvents?
135 | !files @java :database+ DescribeClusters+ ModifyCluster? @python
22  | @curl :web DescribeInstances?
180 | ListBuckets DeleteObject+ @python StopInstances? DescribeInstances DeleteAccessKey?
270 | !domain @node GetCallerIdentity PutImage UpdateFunctionCode InvokeFunction+ FilterLogEvents? >development
"""
OWN = 4
VARIANTS = 24  # of each task; everybody has a few that are their own way to do it
RUNS = (24.0, 18.0, 14.0, 12.0, 12.0, 12.0, 18.0, 24.0, 0.0)  # tasks on a normal day, by role; accounts have schedules


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
    lines = [*PEOPLE.strip().splitlines(), *SERVICES.strip().splitlines(), f"0 | {PROVISION}"]
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
        return INSIDE, PORTS[rest]
    if sign == "!":
        return SIGN_IN, SIGN_INS.index(rest)
    return CALL, _OPERATIONS.index(name)
