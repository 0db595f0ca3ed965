"""Actions: operations of other people's APIs as tools of agents, described by OpenAPI documents."""
