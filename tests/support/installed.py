"""Echo as a wheel, installed in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def install_wheel(directory: Path) -> Path:
    """Build the wheel and install it under the directory; the environment's `bin`.

    What Echo depends on comes from this environment; Echo itself from the wheel only.
    """
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(directory / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = (directory / "dist").glob("*.whl")
    environment = directory / "venv"
    # Its pip would take seven seconds to install, and does what this one does.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    binaries = environment / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(binaries / "python")]
    install = [*pip, "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(dependencies_path())
    return binaries


def dependencies_path() -> str:
    """The site-packages of this environment, without what makes the checkout itself importable."""
    return str(Path(pytest.__file__).parents[1]) + "\n"
