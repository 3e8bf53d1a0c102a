"""Which detectors there are. Each was chosen on development organizations; what each is for is told in part V."""

from itertools import combinations

from residual.detect.contacts import Contacts
from residual.detect.order import Order
from residual.detect.sights import Detector
from residual.detect.together import Together
from residual.detect.windows import Volume

SIGN_IN, TRAFFIC, LOOKUP, CALL, PROCESS, ERROR = 3002, 4001, 4003, 6003, 1007, 6008  # classes of OCSF


def _pairs(*columns: str) -> tuple[tuple[str, str], ...]:
    return tuple(combinations(columns, 2))


DETECTORS: tuple[Detector, ...] = (
    Volume("failed sign-ins of a user", SIGN_IN, ("user",), "failed", 1),
    Volume("users who sign in from an address", SIGN_IN, ("address",), "user", 4),
    Volume("connections of a machine to a host", TRAFFIC, ("machine", "destination"), "events", 12),
    Volume("log-kilobytes of a machine to a host", TRAFFIC, ("machine", "destination"), "log-kilobytes", 12),
    Volume("ports that a machine connects to", TRAFFIC, ("machine",), "port", 1),
    Volume("lookups of a machine below a domain", LOOKUP, ("machine", "domain"), "events", 4),
    Volume("errors of an application", ERROR, ("application",), "times", 4),
    Volume("users who call from an address", CALL, ("address",), "user", 4),
    Contacts("steady new contacts of a machine to a host", TRAFFIC, ("machine", "destination")),
    Order("order of a user's calls", CALL, ("user",), "operation"),
    Together("user and address of a call", CALL, ("user",), (("user", "address"),)),
    Together(
        "values of a sign-in", SIGN_IN, ("user",),
        _pairs("service", "second factor", "user type", "country", "scope"),
    ),
    Together("values of a connection", TRAFFIC, ("address",), _pairs("endpoint type", "port", "scope to")),
    Together("values of a process", PROCESS, ("machine",), _pairs("program", "system", "user type")),
)  # fmt: skip
