"""deploy/dnsfilter.yaml, the commented example, and the JSON Schemas beside it, all held to the models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from dnsfilter.blocklist.catalogue import Catalogue
from dnsfilter.clients.inventory import parse_inventory
from dnsfilter.config import Configuration, parse_configuration
from dnsfilter.document import parse_document

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLE = DEPLOY / "dnsfilter.yaml"
SHIPPED = DEPLOY.parent / "blocklists"


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that a type is made of: itself, or what its tuple or union holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def missing_keys(model: type[BaseModel], data: Any, path: str = "") -> Iterator[str]:
    """Yield the keys of a model that no mapping of the example at this path has."""
    mappings = data if isinstance(data, list) else [data]
    for key, field in model.model_fields.items():
        values = [mapping[key] for mapping in mappings if isinstance(mapping, dict) and key in mapping]
        if not values:
            yield path + key
            continue
        merged = [item for value in values for item in (value if isinstance(value, list) else [value])]
        for inner in models_in(field.annotation):
            yield from missing_keys(inner, merged, f"{path}{key}.")


def test_example_loads() -> None:
    """The example is a valid configuration."""
    configuration = parse_configuration(EXAMPLE.read_text(), str(EXAMPLE))
    assert [policy.name for policy in configuration.policies] == ["tiktok"]


def test_example_shows_every_key() -> None:
    """A key added to the models must be added to the example."""
    assert list(missing_keys(Configuration, parse_document(EXAMPLE.read_text(), "example").data)) == []


def test_missing_key_is_noticed() -> None:
    """The search above finds a key at the top, in a section and in a list."""
    data = parse_document(EXAMPLE.read_text(), "example").data
    del data["workers"], data["listen"]["tls"]
    for group in data["groups"]:
        group.pop("trusts_ca", None)
    assert set(missing_keys(Configuration, data)) == {"workers", "listen.tls", "groups.trusts_ca"}


def test_example_fits_a_page() -> None:
    """Nobody has to scroll sideways."""
    assert [line for line in EXAMPLE.read_text().splitlines() if len(line) > 120] == []


def test_example_inventory_loads() -> None:
    """The inventory that the example names has no problem and only groups of the example."""
    configuration = parse_configuration(EXAMPLE.read_text(), str(EXAMPLE))
    path = DEPLOY / str(configuration.inventory)
    devices, problems = parse_inventory(path.read_text(), str(path), {group.name for group in configuration.groups})
    assert problems == []
    assert len(devices) == 2


def test_schemas_are_current() -> None:
    """`make schema` would change nothing."""
    assert json.loads((DEPLOY / "dnsfilter.schema.json").read_text()) == Configuration.model_json_schema()
    assert json.loads((DEPLOY / "catalogue.schema.json").read_text()) == Catalogue.model_json_schema()


@pytest.mark.parametrize("file", [EXAMPLE, *sorted(SHIPPED.glob("*.yaml"))], ids=lambda file: file.stem)
def test_editors_find_the_schema(file: Path) -> None:
    """The first line of every shipped file says by which schema it is to be completed, and that is there."""
    comment = file.read_text().partition("\n")[0]
    schema = comment.removeprefix("# yaml-language-server: $schema=")
    assert schema != comment
    assert (file.parent / schema).resolve().parent == DEPLOY.resolve()
    assert (file.parent / schema).is_file()
