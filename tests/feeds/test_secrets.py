"""The secrets of cookies: shared files, and the installation's own."""

import pytest

from dnsfilter.config import Configuration
from dnsfilter.errors import InputError, SnapshotError
from dnsfilter.feeds.secrets import FILE_NAME, provide_secrets, read_secrets

FIRST, SECOND = "e5e973e5a6b2a43f48e7dc849e37bfcf", "DD3BDF9344B678B185A6F5CB60FCA715"


def configuration(state, *files):
    """Return a configuration with these files of secrets."""
    return Configuration.model_validate({"state": str(state), "cookies": {"secrets": list(map(str, files))}})


def test_shared_files_in_their_order(tmp_path):
    """The first makes cookies, so the order stays; nothing is put into the state directory."""
    for name, text in (("one", f"{FIRST}\n"), ("two", f" {SECOND}")):
        (tmp_path / name).write_text(text)
    secrets = provide_secrets(configuration(tmp_path, tmp_path / "two", tmp_path / "one"))
    assert [secret.hex() for secret in secrets] == [SECOND.lower(), FIRST]
    assert not (tmp_path / FILE_NAME).exists()


def test_an_installation_has_its_own(tmp_path):
    """Made once, readable for nobody else, and the same ever after."""
    made = provide_secrets(configuration(tmp_path))
    assert [len(secret) for secret in made] == [16]
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert provide_secrets(configuration(tmp_path)) == made
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_an_own_secret_that_is_damaged_is_replaced(tmp_path):
    """A truncated file costs clients a new cookie, not the operator a start."""
    (tmp_path / FILE_NAME).write_text(FIRST[:20])
    made = provide_secrets(configuration(tmp_path))
    assert provide_secrets(configuration(tmp_path)) == made


def test_where_no_secret_can_be_written(tmp_path):
    """It is said which file."""
    with pytest.raises(SnapshotError, match=FILE_NAME):
        provide_secrets(configuration(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "does not hold 32 hexadecimal digits"),
        (FIRST[:-2].encode(), "does not hold 32 hexadecimal digits"),
        (f"{FIRST}\n{FIRST}".encode(), "does not hold 32 hexadecimal digits"),
        (b"\xff" * 16, "does not hold 32 hexadecimal digits"),
        (b"g" * 32, "does not hold 32 hexadecimal digits"),
    ],
)
def test_a_file_without_a_secret(tmp_path, content, reason):
    """Every wrong file is named with its key, and nothing of what it holds."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_secrets([str(file), str(tmp_path / "absent")])
    assert [problem.key for problem in error.value.problems] == ["cookies.secrets[0]", "cookies.secrets[1]"]
    assert str(error.value.problems[0]) == f"{file}: cookies.secrets[0]: {reason}"
