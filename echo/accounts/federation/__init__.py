"""Coming in by others: accounts of users whom another server vouches for."""
