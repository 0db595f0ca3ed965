"""Two services that do the two most frequent reads by hand, to hold Echo against."""
