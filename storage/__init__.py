"""Repositories over MongoDB: one per resource, and the only place that imports pymongo."""
