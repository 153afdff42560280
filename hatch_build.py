"""Compiles the query path when a wheel is built: mypyc makes C of typed Python, under the same names.

Where there is no C compiler, or something else is amiss, the wheel holds Python only, and the program does the same
with more of the processor. An editable install is never compiled: there a module is what its file says.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OPTIONS = ("--config-file=", "--ignore-missing-imports", "--no-site-packages", "--follow-imports=silent")
"""The types were checked before; here neither the libraries of the program nor plugins of mypy are to be had."""


class CompilingHook(BuildHookInterface[Any]):
    """Puts compiled modules beside their sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the modules that the hook's configuration names, unless the install is editable."""
        if version == "editable":
            return
        self._directory = tempfile.mkdtemp()
        try:
            found = _compile(self.config["modules"], Path(self._directory))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it was, there is a way without
            self.app.display_warning(f"the query path is not compiled, and so slower: {error}")
            return
        build_data["force_include"].update(found)
        build_data["pure_python"], build_data["infer_tag"] = False, True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        """Remove what the compiler left."""
        shutil.rmtree(getattr(self, "_directory", ""), ignore_errors=True)


def _compile(modules: list[str], directory: Path) -> dict[str, str]:
    """Compile modules; return where each library is, and its place in the wheel."""
    from mypyc.build import mypycify  # noqa: PLC0415 - an editable install needs neither
    from setuptools import Distribution  # noqa: PLC0415

    c_files = str(directory / "c")
    extensions = mypycify(
        [*_OPTIONS, *modules], opt_level="2", debug_level="0", target_dir=c_files, group_name="dnsfilter"
    )
    command = Distribution({"name": "dnsfilter", "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(directory / "lib"), str(directory / "temp")
    command.ensure_finalized()
    command.run()
    libraries = (directory / "lib").rglob("*.so")
    return {str(library): str(library.relative_to(directory / "lib")) for library in libraries}
