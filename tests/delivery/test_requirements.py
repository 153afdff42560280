"""What `dnsfilter check` finds before anything goes out."""

from pathlib import Path

import pytest

from dnsfilter.config import Configuration
from dnsfilter.delivery.requirements import check_outlets
from dnsfilter.errors import InputError
from tests.fakes.hook import SECRET


def configuration(directory: Path) -> Configuration:
    """Return a configuration that names one file of each kind."""
    return Configuration.model_validate(
        {
            "notices": {
                "server": "mail.example",
                "sender": "it@corp.example",
                "contact": "4711",
                "user": "x",
                "password_file": str(directory / "password"),
            },
            "webhooks": [{"name": "mdm", "url": "https://mdm.example/", "secret_file": str(directory / "secret")}],
            "events": [{"name": "log", "to": str(directory / "logs" / "events.json")}],
        }
    )


def test_all_is_there(tmp_path: Path) -> None:
    """Secrets that nobody else may read and directories that exist are all it takes."""
    (tmp_path / "logs").mkdir()
    for name, content in (("password", "x"), ("secret", SECRET)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    check_outlets(configuration(tmp_path))
    check_outlets(Configuration())


def test_everything_is_wrong(tmp_path: Path) -> None:
    """Every file that cannot be used is named, with the key that names it and without what is in it."""
    (tmp_path / "password").write_text("correct horse")
    (tmp_path / "password").chmod(0o644)
    (tmp_path / "secret").write_text("whsec_short")
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(InputError) as raised:
        check_outlets(configuration(tmp_path))
    problems = {problem.key: problem.message for problem in raised.value.problems}
    assert set(problems) == {"notices.password_file", "webhooks[0].secret_file", "events[0].to"}
    assert "has mode 0644" in problems["notices.password_file"]
    assert "holds no secret" in problems["webhooks[0].secret_file"]
    assert "there is no directory" in problems["events[0].to"]
    assert "correct horse" not in str(raised.value)
    assert "short" not in str(raised.value)
