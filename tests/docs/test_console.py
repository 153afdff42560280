"""The reader of console blocks finds what a person would type and would see."""

from tests.docs.console import Step, find_files, find_steps, normalise

PAGE = """\
Text with `$ not a command`.

```console
$ first --option
one
two
$ silent
```

```yaml
# saved.yaml
key: value
```

```yaml
only: shown
```

```console
$ second
```
"""


def test_steps() -> None:
    """Commands come in reading order, each with the output below it; other blocks are not typed."""
    assert list(find_steps(PAGE)) == [Step("first --option", "one\ntwo\n"), Step("silent", ""), Step("second", "")]


def test_files() -> None:
    """Only a block that begins with a file's name is saved, as it stands."""
    assert find_files(PAGE) == {"saved.yaml": "# saved.yaml\nkey: value\n"}


def test_normalise() -> None:
    """Volatile parts are equal afterwards, everything else is still told apart."""
    one = "d-6qiqvwvnzh6g7xl7  2026-11-24T06:43:00Z   3\n"
    assert normalise(one) == normalise("d-aaaaaaaaaaaaaaaa 2030-01-01T00:00:00Z 3")
    assert normalise(one) != normalise(one.replace("3\n", "4\n"))
