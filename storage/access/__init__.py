"""Who may do what: grants on what is shared, their roles, groups of users, and roles of users."""
