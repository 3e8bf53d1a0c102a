"""From a stream of events without labels to a few alerts per day: windows, calibration, episodes, explanations."""
