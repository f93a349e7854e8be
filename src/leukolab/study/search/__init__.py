"""Searches the best settings of a study: space, trials, outcome."""
