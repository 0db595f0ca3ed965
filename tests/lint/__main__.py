"""`python -m tests.lint`: run the project's own rules."""

import sys
from pathlib import Path

from tests.lint.layers import check_layers
from tests.lint.rules import check_project

root = Path(__file__).parents[2]
findings = [*check_project(root), *check_layers(root)]
sys.stdout.writelines(f"{finding}\n" for finding in findings)
sys.exit(bool(findings))
