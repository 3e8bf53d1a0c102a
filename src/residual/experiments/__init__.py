"""The multi-seed experiments that pages show and `results/` records."""
