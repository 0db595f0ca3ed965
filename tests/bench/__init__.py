"""The benchmark: `make bench`. See `docs/performance.md` for what it measures and what came of it."""
