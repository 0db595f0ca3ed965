"""The repositories of agents, and of the categories that they are in."""
