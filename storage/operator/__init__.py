"""What spans all users and all collections: indexes, erasure, inspection, migration, statistics."""
