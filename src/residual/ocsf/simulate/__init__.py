"""A simulated organization that writes OCSF 1.8.0, with labeled episodes that no single column gives away.

`simulate` writes to disk; `simulation(...).day(k)` gives the events of one day in memory, and `flat` a column a leaf.
Told in `book/part3/simulator.md`.
"""

from residual.ocsf.simulate.episodes import TYPES
from residual.ocsf.simulate.flat import flat
from residual.ocsf.simulate.simulation import Day, Simulation, simulation
from residual.ocsf.simulate.write import Summary, simulate

__all__ = ["TYPES", "Day", "Simulation", "Summary", "flat", "simulate", "simulation"]
