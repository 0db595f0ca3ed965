"""Looking for what is wrong with an Echo, also with one that cannot start. See `docs/checking.md`."""

from echo.doctor.examination import CHECKS, begin, examine
from echo.doctor.findings import Finding, Status

__all__ = ["CHECKS", "Finding", "Status", "begin", "examine"]
