"""YAML with lines."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dnsfilter import document
from dnsfilter.document import key_text, parse_document
from dnsfilter.errors import InputError

KEYS = st.text(min_size=1, max_size=5)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def refuse(text):
    with pytest.raises(InputError) as refusal:
        parse_document(text, "c.yaml")
    return str(refusal.value)


def test_lines():
    """Every key and item knows its line."""
    parsed = parse_document("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "c.yaml")
    assert parsed.data == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert parsed.lines["a", "b"] == 2
    assert parsed.lines["a", "c", 0] == 4
    assert parsed.lines["a", "c", 1, "d"] == 5


def test_a_problem_has_the_nearest_known_line():
    """A key that is missing is reported where its mapping begins."""
    parsed = parse_document("a: 1\nlist:\n  - {name: x}\n", "c.yaml")
    assert str(parsed.problem(("list", 0, "file"), "is required")) == "c.yaml:3: list[0].file: is required"
    assert str(parsed.problem((), "is wrong")) == "c.yaml:1: is wrong"
    assert str(parse_document("", "c.yaml").problem(("a",), "is required")) == "c.yaml:1: a: is required"


def test_key_text():
    """A path is written the way people write it."""
    assert key_text(("policies", 0, "phases", "enforce")) == "policies[0].phases.enforce"
    assert key_text((3, "name")) == "[3].name"
    assert key_text(()) == ""


def test_plain_tags():
    """A tag that only says what plain data is may stand there."""
    assert parse_document("a: !!str 1\nb: ! x", "f").data == {"a": "1", "b": "x"}


def test_dates_stay_text():
    """A date means what its key says, so it stays as written."""
    assert parse_document("a: 2023-03-15\nb: 2023-03-15T06:00:00+01:00", "f").data == {
        "a": "2023-03-15",
        "b": "2023-03-15T06:00:00+01:00",
    }


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_nothing(text):
    """An empty document is None."""
    assert parse_document(text, "f").data is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: [", "c.yaml:2: not valid YAML: "),
        ("a: 1\n\tb: 2", "c.yaml:2: not valid YAML: "),
        ("a: 1\nb: 2\na: 3", "c.yaml:3: not valid YAML: key 'a' is given twice"),
        ("a: 1\n? [b]\n: c", "c.yaml:2: not valid YAML: a key must be plain text"),
        ("a: !!python/object/apply:os.system [x]", "c.yaml:1: not valid YAML: tag 'tag:yaml.org,2002:python/"),
        ("a: !!binary aGVsbG8=", "c.yaml:1: not valid YAML: tag "),
        ("a: !own {b: 1}", "c.yaml:1: not valid YAML: tag "),
        ("a: 1\n---\nb: 2", "c.yaml:2: not valid YAML: "),
        ("a: 1\nb: \0", "c.yaml:2: not valid YAML: character"),
        ("a: &x [*x]", "c.yaml:1: not valid YAML: an alias contains itself"),
        ("a: *x", "c.yaml:1: not valid YAML: found undefined alias"),
        ("a: " + "9" * 5000, "c.yaml:1: not valid YAML: "),
        ("a: 0x_", "c.yaml:1: not valid YAML: "),
    ],
)
def test_what_is_no_document(text, problem):
    """The error says where and what, in one line."""
    message = refuse(text)
    assert message.startswith(problem)
    assert "\n" not in message


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting(opening):
    """Nesting without end is refused before anything recursive sees it."""
    message = refuse(opening * 100_000)
    assert "nested deeper than 50" in message or "maximum nesting depth" in message  # newer PyYAML: its own bound


def test_aliases_cannot_multiply():
    """A billion laughs end at the budget."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert f"more than {document.MAX_NODES} values" in refuse("\n".join(lines))


def test_size(monkeypatch):
    """A text beyond the limit is refused unread."""
    monkeypatch.setattr(document, "MAX_BYTES", 10)
    assert "longer than 10 characters" in refuse("a: 12345678")


@given(DATA)
def test_documents_keep_their_data(data):
    """What a YAML writer wrote is read back, and every value has a line."""
    parsed = parse_document(yaml.safe_dump(data), "f")
    assert parsed.data == data
    assert all(line > 0 for line in parsed.lines.values())


@given(st.text())
def test_any_text_is_parsed_or_refused(text):
    """Whatever the text, the parser returns or raises InputError with a line."""
    try:
        lines = parse_document(text, "f").lines.values()
    except InputError as error:
        lines = [problem.line for problem in error.problems]
    assert all(line > 0 for line in lines)
