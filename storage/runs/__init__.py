"""Runs: answers that models are still making, and the processes that they belong to."""
