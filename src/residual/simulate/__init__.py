"""A simulated organization that writes OCSF 1.8.0, with labeled episodes that no single column gives away.

`simulate` writes events, labels, episodes and entities to disk; `simulation(...).day(k)` gives those of one day in
memory, and `flat` turns nested events into one column per leaf. `TYPES` are the episodes, `EPISODES` their usual rate,
`REALISTIC` a rate as one might meet it. Told in `book/part3/simulator.md`.
"""

from residual.extras import need

need("residual.simulate", "records", "polars", "ocsf_json_schema", "jsonschema_rs")

from residual.simulate.episodes import TYPES
from residual.simulate.flat import flat
from residual.simulate.simulation import EPISODES, REALISTIC, Day, Simulation, simulation
from residual.simulate.write import Summary, simulate

__all__ = ["EPISODES", "REALISTIC", "TYPES", "Day", "Simulation", "Summary", "flat", "simulate", "simulation"]
