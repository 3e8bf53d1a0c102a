"""A simulated organization that writes OCSF 1.8.0, with labeled episodes that no single column gives away.

`simulate` writes events and labels to disk; `simulation(...).day(k)` gives the events of one day in memory, and `flat`
turns nested events into one column per leaf. `TYPES` are the episodes, `EPISODES` their usual rate. Told in
`book/part3/simulator.md`.
"""

from residual.extras import need

need("residual.simulate", "records", "polars", "ocsf_json_schema", "jsonschema_rs")

from residual.simulate.episodes import TYPES
from residual.simulate.flat import flat
from residual.simulate.simulation import EPISODES, Day, Simulation, simulation
from residual.simulate.write import Summary, simulate

__all__ = ["EPISODES", "TYPES", "Day", "Simulation", "Summary", "flat", "simulate", "simulation"]
