"""Settings: one TOML file, environment variables, then what the caller passes; the later wins.

Knows nothing of apps' own settings (see ``agent.domain``). An unknown key is an error, never ignored:
a setting that is misspelt would otherwise protect nobody.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agent.errors import ConfigError

FILE_NAME = "switchboard.toml"
PREFIX = "SWITCHBOARD_"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
REDACTORS = ("builtin", "presidio")
SHORTEST_KEY = 16

# Variables of our own that are not settings: where the file is, and where benchmarks find their data.
_NOT_SETTINGS = re.compile(r"SWITCHBOARD_(CONFIG|BENCH_.*)")
# Values that no message may show.
_SECRET = frozenset({"api_keys", "generator_key", "alert_webhook"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults; build it with ``Settings.load``."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 7860
    """0 takes any free port."""
    data: Path = Path("data")
    """Folder for the database, indexes and model versions."""
    apps: tuple[Path, ...] = ()
    """More app folders, or folders of app folders."""
    backbone: str = ""
    """Folder or hub name of the encoder; empty takes the one that is installed with Switchboard."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:<n> or mps."""
    threads: int = 1
    """Threads of one model worker."""
    queue_limit: int = 256
    """Messages that may wait before the service answers "busy"."""
    token_budget: int = 2048
    """Most tokens (padding counted) in one batch."""
    rate_limit: int = 120
    """Requests a minute a client; 0 switches the limit off."""
    max_message_chars: int = 2000
    """Characters of one message."""
    max_body_bytes: int = 1_000_000
    """Bytes of one HTTP request's body."""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Keys for programs, 16 characters or more each."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins besides our own that may call the service, such as ``https://shop.example``."""
    secure_cookies: bool = False
    """Send cookies over HTTPS only; set it when a proxy in front speaks HTTPS."""
    session_idle: int = 60
    """Minutes after which somebody who does nothing is signed out of the console."""
    session_hours: int = 12
    """Hours after which everybody is."""
    accept_corrections: bool = False
    """Learn without a review from an intent that two clients name for nearly the same message."""
    client_examples: int = 20
    """Reviewed messages of one client that an intent is taught with, at most."""
    client_percent: int = 20
    """The same as a share of the intent's other examples, in percent; five always count."""
    retrain_every: int = 0
    """Hours between two retrainings of every app inside the service; 0: none."""
    auto_promote: bool = False
    """Whether what these retrainings made goes into service when it passes the gate."""
    unlabelled: int = 2000
    """Messages without a review, the newest, that a retraining takes in by what their neighbours say."""
    fewest_reviews: int = 20
    """New reviews below which a retraining does nothing."""
    keep_versions: int = 10
    """Model versions kept of each app, besides those that were ever in service."""
    shadow: bool = False
    """Let a challenger read live messages beside the champion, without answering."""
    log_level: str = "info"
    """debug, info, warning, error or critical."""
    redactor: str = "builtin"
    """What masks personal data: builtin, or presidio (an extra)."""
    generator_url: str = ""
    """Base address of an OpenAI-compatible API, such as ``http://127.0.0.1:8000/v1``; empty: no generator."""
    generator_model: str = ""
    """Name of the generator's model, as its server knows it."""
    generator_key: str = field(default="", repr=False)
    """Key that the generator's server wants, if it wants one."""
    generator_timeout: int = 8
    """Seconds a customer waits for the generator at most; then the extractive answer stands."""

    alert_webhook: str = field(default="", repr=False)
    """Address that hears of alerts, by POST of JSON; it may be a private one. Empty: they are in the log alone."""
    watch_every: int = 15
    """Minutes between two looks at an app's figures for alerts."""
    explore: int = 0
    """Share of the places in a row of recommendations that go to an item drawn by chance, in percent."""
    retention_days: int = 0
    """Conversations that rested for so many days are erased, and events that are as old; 0 keeps them."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("port", 0, 65535),
            ("threads", 1, 1024),
            ("queue_limit", 1, 100_000),
            ("token_budget", 16, 10_000_000),
            ("rate_limit", 0, 1_000_000),
            ("max_message_chars", 1, 1_000_000),
            ("max_body_bytes", 1024, 1_000_000_000),
            ("session_idle", 1, 10_000),
            ("session_hours", 1, 1000),
            ("generator_timeout", 1, 300),
            ("client_examples", 1, 100_000),
            ("client_percent", 0, 100),
            ("retrain_every", 0, 8760),
            ("unlabelled", 0, 20_000),
            ("fewest_reviews", 1, 1_000_000),
            ("keep_versions", 1, 100_000),
            ("watch_every", 1, 1440),
            ("explore", 0, 50),
            ("retention_days", 0, 36_500),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"Setting '{name}' is {value}; it must lie between {least} and {most}.")
        if not self.host:
            raise ConfigError("Setting 'host' is empty; give an address such as 127.0.0.1 or 0.0.0.0.")
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise ConfigError(f"Setting 'device' is '{self.device}'; choose auto, cpu, cuda, cuda:<n> or mps.")
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(f"Setting 'log_level' is '{self.log_level}'; choose {', '.join(LOG_LEVELS)}.")
        if self.redactor not in REDACTORS:
            raise ConfigError(f"Setting 'redactor' is '{self.redactor}'; choose {' or '.join(REDACTORS)}.")
        self._check_generator()
        # Not shown: chat services put a secret into the address.
        if self.alert_webhook and not re.fullmatch(r"https?://[^/\s@?#]+(/\S*)?", self.alert_webhook):
            raise ConfigError("Setting 'alert_webhook' is no address; write it as https://example.org/hook.")
        for key in self.api_keys:
            # The key itself stays out of the message: it may land in a log.
            if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigError(
                    f"A key in 'api_keys' is not {SHORTEST_KEY} or more visible ASCII characters; make one with "
                    "python -c 'import secrets; print(secrets.token_urlsafe(32))'."
                )
        for origin in self.allowed_origins:
            if not re.fullmatch(r"https?://[^/\s*@]+", origin):
                raise ConfigError(
                    f"'{origin}' in 'allowed_origins' is no origin; write scheme and host alone, such as "
                    "https://shop.example (a wildcard is not taken)."
                )

    def _check_generator(self) -> None:
        # Neither value is shown: the address may hold a password, the key is one.
        if self.generator_url and not re.fullmatch(r"https?://[^/\s@?#]+(/[^\s@?#]*)?", self.generator_url):
            raise ConfigError(
                "Setting 'generator_url' is no address; write the base of the API, such as http://127.0.0.1:8000/v1, "
                "without a user name, query or fragment (a key goes into 'generator_key')."
            )
        if self.generator_url and not self.generator_model:
            raise ConfigError("Setting 'generator_url' needs 'generator_model': the model's name at that address.")
        if not re.fullmatch(r"[!-~]*", self.generator_key):
            raise ConfigError("Setting 'generator_key' holds something else than visible ASCII characters.")

    @property
    def is_loopback(self) -> bool:
        """Whether the service can be reached from this machine alone."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """The page's address, to print."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @classmethod
    def load(cls, file: Path | None = None, env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Read the file, the environment and ``overrides`` (those that are None are left out).

        ``file`` defaults to what ``SWITCHBOARD_CONFIG`` names, else to ``switchboard.toml`` in the working
        folder if there is one. Relative paths in the file start from the file's folder, others from the
        working folder. Lists in variables are separated by commas, paths by ``os.pathsep``.

        Raises ConfigError for an unknown key, a wrong type, a value out of range, or a file that was
        named but cannot be read.
        """
        env = os.environ if env is None else env
        named = file or (Path(env[PREFIX + "CONFIG"]) if env.get(PREFIX + "CONFIG") else None)
        values: dict[str, Any] = {}
        if named is not None or Path(FILE_NAME).is_file():
            values |= _from_file(named or Path(FILE_NAME))
        values |= _from_environment(env)
        values |= _checked({k: v for k, v in overrides.items() if v is not None}, "the call")
        return cls(**values)


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or an address, without port) means this machine alone."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _from_file(path: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the settings file {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The settings file {path} is not valid TOML: {error}.") from error
    values = _checked(raw, str(path))
    base = path.parent
    if "data" in values:
        values["data"] = base / values["data"]
    if "apps" in values:
        values["apps"] = tuple(base / folder for folder in values["apps"])
    return values


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    raw = {}
    for variable, value in env.items():
        if variable.startswith(PREFIX) and not _NOT_SETTINGS.fullmatch(variable):
            name = variable.removeprefix(PREFIX).lower()
            _known(name, variable, "the environment", PREFIX)
            raw[name] = _parse(name, value, variable)
    return _checked(raw, "the environment")


def _parse(name: str, text: str, variable: str) -> Any:
    """A variable's text as the type of setting ``name``."""
    kind = _KINDS[name]
    text = text.strip()
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{variable} is '{text}'; it must be a whole number.") from None
    if kind == "bool":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ConfigError(f"{variable} is '{text}'; write true or false.")
    if kind.startswith("tuple"):
        separator = os.pathsep if "Path" in kind else ","
        return [part.strip() for part in text.split(separator) if part.strip()]
    return text


def _checked(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``raw`` with known names only and every value of its setting's type."""
    values = {}
    for name, value in raw.items():
        _known(name, name, where)
        accepts, wanted, convert = _TYPES[_KINDS[name]]
        if not accepts(value):
            shown = "" if name in _SECRET else f" {value!r}"
            raise ConfigError(f"Setting '{name}' in {where} must be {wanted}, not{shown} ({type(value).__name__}).")
        values[name] = convert(value)
    return values


def _known(name: str, written: str, where: str, prefix: str = "") -> None:
    if name in _KINDS:
        return
    near = difflib.get_close_matches(name, _KINDS, n=1)
    known = [prefix + (k.upper() if prefix else k) for k in (near or sorted(_KINDS))]
    hint = f"Did you mean '{known[0]}'?" if near else f"Known settings: {', '.join(known)}."
    raise ConfigError(f"Unknown setting '{written}' in {where}. {hint}")


def _is_list_of(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, kinds) for item in value)


# The annotations are strings here (``from __future__ import annotations``), which is all that is needed.
_KINDS: dict[str, str] = {f.name: str(f.type) for f in fields(Settings)}

# kind -> (does it accept this value?, its name for people, converter)
_TYPES: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "str": (lambda v: isinstance(v, str), "a string", str),
    "int": (lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number", int),
    "bool": (lambda v: isinstance(v, bool), "true or false", bool),
    "Path": (lambda v: isinstance(v, (str, Path)) and str(v) != "", "a path", lambda v: Path(v).expanduser()),
    "tuple[Path, ...]": (
        lambda v: _is_list_of(v, (str, Path)),
        "a list of paths",
        lambda v: tuple(Path(p).expanduser() for p in v),
    ),
    "tuple[str, ...]": (lambda v: _is_list_of(v, str), "a list of strings", tuple),
}
