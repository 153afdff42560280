"""Validation errors as problems: one per key, with its line and the offending value."""

from pydantic import BaseModel, ConfigDict, ValidationError

from dnsfilter.document import parse_document
from dnsfilter.validation import MAX_SHOWN, describe_errors


class Inner(BaseModel):
    """A mapping that knows its keys."""

    model_config = ConfigDict(extra="forbid")
    number: int


class Outer(BaseModel):
    """A list of mappings, and a choice."""

    items: list[Inner] = []
    either: int | float = 0


def describe(text: str) -> list[str]:
    """Return the problems of a document that is no `Outer`."""
    document = parse_document(text, "file")
    try:
        Outer.model_validate(document.data)
    except ValidationError as error:
        return [str(problem) for problem in describe_errors(document, error.errors())]
    raise AssertionError("valid")


def test_names_line_key_and_value():
    """What is missing, unknown or of the wrong kind is said of the key where it stands."""
    text = "items:\n- number: one\n- {}\n- number: 3\n  more: x\n"
    assert describe(text) == [
        "file:2: items[0].number: 'one': input should be a valid integer, unable to parse string as an integer",
        "file:3: items[1].number: is required",
        "file:5: items[2].more: unknown key (value 'x')",
    ]


def test_one_problem_a_key():
    """A value that fits no branch of a union is one mistake."""
    assert len(describe("either: x")) == 1


def test_long_values_are_cut():
    """A value as long as a file does not fill the screen."""
    (problem,) = describe(f"either: {'x' * 5000}")
    assert len(problem) < MAX_SHOWN + 200
