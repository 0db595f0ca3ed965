"""What handlers get and what they may answer, and the names under which a request carries it."""
