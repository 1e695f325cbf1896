"""A Python environment of its own, into which packages are really installed.

It sees what is installed where the tests run, polystack among it, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

Done = subprocess.CompletedProcess[str]

PACKAGES = Path(__file__).parent / "plugins"
COMMANDS = ("pip", "pytest", "stack")
KNOWN = (*COMMANDS, "python")  # subprocess would look for them on the PATH of the tests
BUILT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")


class Scratch:
    """`folder` is where its commands run."""

    def __init__(self, root: Path) -> None:
        venv.create(root / "env", symlinks=os.name != "nt")
        self.folder = root / "work"
        self.folder.mkdir()
        self.bin = root / "env" / "bin"
        self._show(site_packages(root / "env"))
        for command in COMMANDS:
            self._script(command)

    def _show(self, packages: Path) -> None:
        """What is installed here, in there; `addsitedir` so that editable packages come along."""
        ours = [path for path in site.getsitepackages() if Path(path).is_dir()]
        lines = (f"import site; site.addsitedir({path!r})\n" for path in ours)
        (packages / "ours.pth").write_text("".join(lines))

    def _script(self, name: str) -> None:
        (command,) = metadata.entry_points(group="console_scripts", name=name)
        script = self.bin / name
        script.write_text(
            f"#!{self.bin / 'python'}\nimport sys\nfrom {command.module} import {command.attr}\n"
            f"sys.exit({command.attr}())\n"
        )
        script.chmod(0o755)

    def run(self, *command: str, input: str | None = None) -> Done:
        """One of its commands, as typed by somebody whose shell has activated it."""
        return subprocess.run(
            [str(self.bin / command[0]) if command[0] in KNOWN else command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return ours | {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.bin.parent),
            # pip takes "no" for what switches the isolation of builds off; with it, it would
            # download what a package is built with.
            "PIP_NO_BUILD_ISOLATION": "no",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def install(self, package: str) -> None:
        """One of the packages below `tests/plugins`, from a copy, since building leaves traces."""
        shutil.copytree(PACKAGES / package, self.folder / package, ignore=BUILT)
        done = self.run("pip", "install", f"./{package}")
        assert done.returncode == 0, done.stdout + done.stderr


def site_packages(environment: Path) -> Path:
    scheme = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "venv", scheme))
