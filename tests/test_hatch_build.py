"""What is installed: this very source, and the query path compiled where there is a compiler."""

import filecmp
import shutil
import tomllib
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.e2e.server import PACKAGES, ROOT
from tests.processes import miss

MODULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["hooks"]["custom"]["modules"]
IS_EDITABLE = '"editable": true' in (distribution("dnsfilter").read_text("direct_url.json") or "")


@pytest.mark.skipif(IS_EDITABLE, reason="what is installed is this tree")
def test_what_is_installed_is_this_source() -> None:
    """No test runs against what was here before: `make install` puts the tree in place."""
    for package in ("dnsfilter", "proxy_addons", "blocklists"):
        names = [str(file.relative_to(ROOT)) for file in (ROOT / package).rglob("*") if file.suffix in {".py", ".yaml"}]
        _, other, missing = filecmp.cmpfiles(ROOT, PACKAGES, names, shallow=False)
        assert [*other, *missing] == []


def test_the_query_path_is_compiled() -> None:
    """Every module that is to be compiled is."""
    if IS_EDITABLE or not shutil.which("cc"):
        miss("the install is editable, or there is no C compiler (Debian packages gcc and libc6-dev)")
    places = [(PACKAGES / module).parent.glob(f"{Path(module).stem}.*.so") for module in MODULES]
    assert [module for module, found in zip(MODULES, places, strict=True) if not [*found]] == []


def test_without_a_compiler_python_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be compiled is said, and nothing of it gets into the wheel."""
    pytest.importorskip("hatchling")
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    hook = module_from_spec(spec)
    spec.loader.exec_module(hook)
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    made = hook.CompilingHook(str(tmp_path), {"modules": ["absent.py"]}, None, None, str(tmp_path), "wheel", _App(said))
    build_data = {"force_include": {}, "pure_python": True}
    made.initialize("standard", build_data)
    made.finalize("standard", build_data, "")
    assert build_data == {"force_include": {}, "pure_python": True}
    assert "not compiled, and so slower" in said[0]


class _App:
    """The part of hatchling's terminal that a hook talks to."""

    def __init__(self, said: list[str]) -> None:
        self.display_warning = said.append
