"""Residual networks, their instruments and their uses: the library under *Residual Networks, Executed*.

Its rooms: `vision` (networks for images), `training` (the loop), `probes` (instruments), `scale` (many processes),
`nnx` (the networks in JAX), `ocsf` and `tabular` (records), `simulate` (an organization) and `storage` (files).
"""

__all__ = ["nnx", "ocsf", "probes", "scale", "simulate", "storage", "tabular", "training", "vision"]
