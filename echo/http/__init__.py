"""HTTP concerns that no operation needs to know of."""
