from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.config import Settings, is_loopback
from agent.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_closed() -> None:
    settings = Settings.load(env={})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 7860, Path("data"))
    assert settings.is_loopback
    assert (settings.api_keys, settings.allowed_origins) == ((), ())
    assert settings.address == "http://127.0.0.1:7860"


def test_overrides_beat_the_environment_which_beats_the_file(empty_folder: Path) -> None:
    (empty_folder / "switchboard.toml").write_text('port = 1000\nhost = "10.0.0.1"\nthreads = 3\n')
    env = {"SWITCHBOARD_PORT": "2000", "SWITCHBOARD_HOST": "10.0.0.2", "HOME": "/root"}
    settings = Settings.load(env=env, port=3000, host=None)
    assert (settings.port, settings.host, settings.threads) == (3000, "10.0.0.2", 3)


def test_relative_paths_in_the_file_start_from_its_folder(empty_folder: Path) -> None:
    folder = empty_folder / "etc"
    folder.mkdir()
    (folder / "other.toml").write_text('data = "store"\napps = ["mine", "/opt/apps"]\n')
    settings = Settings.load(env={"SWITCHBOARD_CONFIG": str(folder / "other.toml")})
    assert settings.data == folder / "store"
    assert settings.apps == (folder / "mine", Path("/opt/apps"))


def test_every_kind_of_variable_is_parsed() -> None:
    settings = Settings.load(
        env={
            "SWITCHBOARD_APPS": os.pathsep.join(["/a", "/b"]),
            "SWITCHBOARD_API_KEYS": "0123456789abcdef, fedcba9876543210",
            "SWITCHBOARD_SECURE_COOKIES": "On",
            "SWITCHBOARD_BENCH_DATA": "/elsewhere",
        }
    )
    assert settings.apps == (Path("/a"), Path("/b"))
    assert settings.api_keys == ("0123456789abcdef", "fedcba9876543210")
    assert settings.secure_cookies is True
    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("prot = 1", "Unknown setting 'prot'.*Did you mean 'port'"),
        ("zzz = 1", "Unknown setting 'zzz'.*Known settings: .*api_keys"),
        ('port = "80"', "'port'.*must be a whole number, not '80'"),
        ("port = true", "'port'.*must be a whole number"),
        ("host = 1", "'host'.*must be a string"),
        ("secure_cookies = 1", "'secure_cookies'.*must be true or false"),
        ('apps = "one"', "'apps'.*must be a list of paths"),
        ("allowed_origins = [1]", "'allowed_origins'.*must be a list of strings"),
        ("port = 70000", "'port' is 70000.*between 0 and 65535"),
        ('device = "tpu"', "'device' is 'tpu'"),
        ('log_level = "loud"', "'log_level' is 'loud'"),
        ('allowed_origins = ["*"]', "is no origin"),
        ("watch_every = 0", "'watch_every' is 0.*between 1 and 1440"),
        ("retention_days = -1", "'retention_days' is -1.*between 0"),
        ('alert_webhook = "hooks.example/x"', "'alert_webhook' is no address"),
        ('allowed_origins = ["https://shop.example/"]', "is no origin"),
        ("[server]\nport = 1", "Unknown setting 'server'"),
        ("port = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(empty_folder: Path, toml: str, expected: str) -> None:
    (empty_folder / "switchboard.toml").write_text(toml)
    with pytest.raises(ConfigError, match=f"(?s){expected}"):
        Settings.load(env={})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SWITCHBOARD_PROT", "1", "'SWITCHBOARD_PROT'.*Did you mean 'SWITCHBOARD_PORT'"),
        ("SWITCHBOARD_PORT", "many", "SWITCHBOARD_PORT is 'many'.*whole number"),
        ("SWITCHBOARD_SECURE_COOKIES", "perhaps", "write true or false"),
        ("SWITCHBOARD_CONFIG", "/nowhere/at/all.toml", "Cannot read the settings file /nowhere"),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Settings.load(env={variable: value})


def test_a_short_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigError, match="16 or more") as caught:
        Settings.load(env={"SWITCHBOARD_API_KEYS": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_webhook_is_not_shown() -> None:
    settings = Settings.load(env={"SWITCHBOARD_ALERT_WEBHOOK": "http://10.0.0.7:9000/hooks/s3cret?to=ops"})
    assert settings.alert_webhook.endswith("?to=ops")
    assert "s3cret" not in repr(settings)
    with pytest.raises(ConfigError, match="no address") as caught:
        Settings.load(env={"SWITCHBOARD_ALERT_WEBHOOK": "http://user:s3cret@example.org/"})
    assert "s3cret" not in str(caught.value)


def test_an_unknown_override_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Unknown setting 'hots' in the call.*'host'"):
        Settings.load(env={}, hots="x")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "LOCALHOST")),
        *((host, False) for host in ("0.0.0.0", "::", "localhost.example", "10.0.0.1")),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"redactor": "magic"}, "'redactor' is 'magic'; choose builtin or presidio"),
        ({"generator_url": "http://127.0.0.1:8000/v1"}, "needs 'generator_model'"),
        ({"generator_url": "localhost:8000", "generator_model": "m"}, "'generator_url' is no address"),
        ({"generator_url": "http://ann:secret@host/v1", "generator_model": "m"}, "'generator_url' is no address"),
        ({"generator_key": "secret\r\nX: y"}, "'generator_key' holds"),
        ({"generator_key": 12345}, "'generator_key' in the call must be a string"),
        ({"generator_timeout": 0}, "'generator_timeout' is 0"),
    ],
)
def test_a_wrong_generator_or_redactor_is_refused_without_secrets(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as caught:
        Settings.load(env={}, **settings)
    assert "secret" not in str(caught.value)
    assert "12345" not in str(caught.value)


def test_the_generators_key_is_not_in_the_settings_own_words() -> None:
    assert "sk-1" not in repr(Settings(generator_key="sk-1"))
