from __future__ import annotations

import importlib.util
import logging

import pytest

from agent import redaction
from agent.errors import ConfigError
from agent.redaction import BuiltinRedactor, RedactingFormatter, for_training, make_redactor
from tests.agent.maskings import MASKINGS

HAS_PRESIDIO = importlib.util.find_spec("presidio_analyzer") is not None


@pytest.mark.parametrize(("text", "expected"), MASKINGS)
def test_what_is_personal_is_masked_and_nothing_else(text: str, expected: str) -> None:
    assert BuiltinRedactor().redact(text) == expected


@pytest.mark.parametrize("text", [masked for _, masked in MASKINGS])
def test_a_masked_text_stays_as_it_is(text: str) -> None:
    assert BuiltinRedactor().redact(text) == text


@pytest.mark.parametrize(
    "part", ["a.b-", "0 ", "AB12", "AB12 ", "a@", "(0", "4 ", "call ", "a[at]", "1234 ", "1", "a", "+", "1.1.1.1 "]
)
def test_repetition_is_no_trap(part: str) -> None:
    text = part * (4000 // len(part))
    assert BuiltinRedactor().redact(text) == text


def test_training_keeps_the_masked_text_and_leaves_out_what_is_nothing_else() -> None:
    door = BuiltinRedactor()
    assert for_training("where is it? ann@example.org", door) == "where is it? [email]"
    assert for_training("ann@example.org, +44 20 7946 0958", door) is None


def test_a_log_line_is_masked_with_its_traceback() -> None:
    formatter = RedactingFormatter("%(asctime)s %(levelname)s %(message)s")
    try:
        raise ValueError("cannot write to ann@example.org")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "card %s", ("4111111111111111",), None)
        record.exc_info = (ValueError, error, error.__traceback__)
    line = formatter.format(record)
    assert "card [card]" in line
    assert "cannot write to [email]" in line
    assert record.asctime in line


def test_presidio_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'switchboard-agent\[presidio\]'"):
        make_redactor("presidio")


@pytest.mark.skipif(not HAS_PRESIDIO, reason="presidio-analyzer is an extra")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_presidio_stands_behind_the_same_door(caplog: pytest.LogCaptureFixture) -> None:
    door = make_redactor("presidio")
    text = "ann@example.org, 4111 1111 1111 1111, DE89 3704 0044 0532 0130 00, +44 20 7946 0958, order 48213"
    assert door.redact(text) == "[email], [card], [iban], [phone], order 48213"
    assert door.redact("it came on 01/12/2026 at 09:30") == "it came on 01/12/2026 at 09:30"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
