"""Instruments that look inside a network: one module for each.

Cost and view (`cost`, `receptive_field`, `effective_field`), gradients (`gradients`, `jacobian`, `shattering`), blocks
(`blocks`, `branches`, `lesions`, `paths`) and the loss around the weights (`landscape`).
"""

__all__ = [
    "blocks",
    "branches",
    "cost",
    "effective_field",
    "gradients",
    "jacobian",
    "landscape",
    "lesions",
    "paths",
    "receptive_field",
    "shattering",
]
