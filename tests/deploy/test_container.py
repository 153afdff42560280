"""The image and its compose file: non-root, read-only, of files that are there, on ports that the configuration opens.

No image is built here: that needs a container engine and a registry.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from dnsfilter.config import Configuration, parse_configuration

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "deploy" / "container"
LINES = re.sub(r"\\\n", " ", (DIRECTORY / "Containerfile").read_text()).splitlines()
INSTRUCTIONS = [line.split(None, 1) for line in LINES if line and not line.startswith("#")]
COMPOSE: dict[str, Any] = yaml.safe_load((DIRECTORY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def arguments(instruction: str) -> list[str]:
    """Return what follows each instruction of one kind."""
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def copied() -> list[str]:
    """Return what the image takes from the project."""
    return [source for rest in arguments("COPY") if "--from" not in rest for source in rest.split()[:-1]]


def configuration() -> Configuration:
    """Return what the image runs."""
    path = DIRECTORY / "dnsfilter.yaml"
    return parse_configuration(path.read_text(), str(path))


def test_is_not_root() -> None:
    """The image ends as a numeric user that is not root, and needs no shell to start."""
    (user,) = arguments("USER")
    assert all(int(part) > 0 for part in user.split(":"))
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["dnsfilter"]
    assert json.loads(arguments("CMD")[0]) == ["serve", "-c", "/etc/dnsfilter/dnsfilter.yaml"]


def test_takes_all_that_the_package_is_made_of() -> None:
    """Every file copied exists, and every package of the wheel is copied and not ignored."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    ignored = (DIRECTORY / "Containerfile.dockerignore").read_text().splitlines()
    assert {*packages["packages"], "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"} <= {*copied()}
    assert all((ROOT / source).exists() for source in copied())
    assert {f"!{source}" for source in copied()} <= {*ignored}
    assert ignored[0] == "*"


def test_state_is_in_the_volume() -> None:
    """What changes while it runs is where the image can write."""
    (volume,) = arguments("VOLUME")
    settings = configuration()
    assert str(settings.state) == volume
    assert settings.store.url == f"sqlite:///{volume}/dnsfilter.db"
    assert Path(settings.privacy.pseudonym_key).parent == Path(volume)
    assert any(f"state:{volume}" == mounted for mounted in SERVICES["dnsfilter"]["volumes"])


def test_ports_are_open() -> None:
    """Ports published to the network are those that the configuration listens on, none below 1024."""
    settings = configuration()
    listening = {int(str(each).rpartition(":")[2]) for each in (*settings.listen.dns, *settings.proxy.listen)}
    ports = [port.partition("/")[0].split(":") for port in SERVICES["dnsfilter"]["ports"]]
    assert {int(inner) for *outer, inner in ports if len(outer) == 1} == listening
    assert {int(port) for port in re.findall(r"(\d+)/", arguments("EXPOSE")[0])} == listening
    assert min(listening) >= 1024


@each_service
def test_service_is_confined(service: dict[str, Any]) -> None:
    """No service can write outside its volumes, has a capability or can gain one."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert "cap_add" not in service


@each_service
def test_service_mounts_what_exists(service: dict[str, Any]) -> None:
    """A mounted path is in the project and read-only; everything else is a declared volume."""
    for source, _, *mode in (mounted.split(":") for mounted in service["volumes"]):
        if source.startswith("."):
            assert (DIRECTORY / source).exists()
            assert mode == ["ro"]
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_configuration_is_found(name: str) -> None:
    """Each program is started with a file that its mount holds, in the network where the addresses in it are right."""
    service = SERVICES[name]
    (option,) = (each for each in service["command"] if each.startswith("--config.file="))
    source, target, _ = service["volumes"][0].split(":")
    path = option.partition("=")[2]
    assert (DIRECTORY / source / path.removeprefix(f"{target}/")).is_file()
    assert service["network_mode"] == "service:dnsfilter"


def test_images_are_pinned() -> None:
    """No image of others changes under the same name."""
    images = [rest.split()[0] for rest in arguments("FROM")] + [service["image"] for service in SERVICES.values()]
    assert all(re.search(r":v?\d+\.\d+", image) for image in images if image != "dnsfilter")
