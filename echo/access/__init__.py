"""Who may do what: rights on what is shared, and roles of users with their permissions."""

from echo.access.kinds import DELETE, EDIT, SHARE, VIEW, ResourceType
from echo.access.service import Access

__all__ = ["DELETE", "EDIT", "SHARE", "VIEW", "Access", "ResourceType"]
