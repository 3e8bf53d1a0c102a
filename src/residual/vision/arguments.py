"""What can be wrong with the description of a network. Torch's nets and their JAX twins ask here."""

from collections.abc import Sequence


def check_network(layers: Sequence[int], *, shortcut: str | None, zero_init_residual: bool, **sizes: int) -> None:
    """Refuse a network that cannot be.

    Args:
        layers: blocks a stage.
        shortcut, zero_init_residual: as in `residual.vision.ResNet`.
        sizes: numbers of channels and classes, by name.

    Raises:
        ValueError: for no stage, an empty one, a size below 1, or branches that start at zero with no skip beside them.
    """
    if not layers or min(layers) < 1:
        raise ValueError(f"layers must hold at least one block a stage, got {list(layers)}")
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if zero_init_residual and shortcut is None:
        raise ValueError("zero_init_residual=True needs skips: a plain net would output zeros only")


def blocks_a_stage(depth: int, layers: int) -> int:
    """Blocks in each of a CIFAR net's three stages, for a block of so many weighted layers.

    Raises:
        ValueError: for a depth that is not that of three equal stages, a stem and a head; with the nearest ones.
    """
    step = 3 * layers
    if depth < step + 2 or (depth - 2) % step:
        below = max(step + 2, depth - (depth - 2) % step)
        raise ValueError(
            f"depth must be {step}n+2 with n of at least 1, got {depth}; nearest: {below} and {below + step}"
        )
    return (depth - 2) // step
