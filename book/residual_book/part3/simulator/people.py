"""People can be followed: what a record of normal work says of the session it belongs to.

Told in `book/part3/simulator.md`.
"""

from dataclasses import dataclass

import polars as pl

from residual_book.organizations import Tables


@dataclass(frozen=True)
class Followed:
    """Of people's calls to the cloud in normal work: the share that name a session, and what is known of those.

    Attributes:
        named: share of the calls.
        opened: of these, the share that come after a recorded sign-in which succeeded and opened that session.
    """

    named: float
    opened: float


def followed(tables: Tables) -> Followed:
    """Look for the sign-in that opened the session of each call."""
    ours = pl.col("label.episode").is_null()
    sign_ins = tables["authentication"].filter(ours & (pl.col("status_id") == 1))
    opened = sign_ins.group_by(session="session.uid").agg(since=pl.col("time").min())
    people = (pl.col("actor.user.type") != "Service").fill_null(True)
    calls = tables["api_activity"].filter(ours & people).select("time", session="actor.session.uid")
    named = calls.drop_nulls()
    after = named.join(opened, on="session").filter(pl.col("since") <= pl.col("time"))
    return Followed(named.height / calls.height, after.height / named.height)
