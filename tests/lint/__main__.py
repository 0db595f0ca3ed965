"""`python -m tests.lint`: run the project's own rules."""

import sys
from pathlib import Path

from tests.lint.rules import check_project

findings = check_project(Path(__file__).parents[2])
sys.stdout.writelines(f"{finding}\n" for finding in findings)
sys.exit(bool(findings))
