"""Rivals of detection beside those by volume: single events, an expecting network, and a classifier told labels."""
