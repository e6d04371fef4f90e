"""Personal data masked: payment cards, e-mail addresses, IBANs and phone numbers.

One door for all that leaves a conversation: log lines, texts kept for training, and what a generator is sent. The
setting ``redactor`` chooses what stands behind it. Names and postal addresses are not found.
"""

from __future__ import annotations

import logging
import re
from importlib.util import find_spec
from typing import Protocol

from stdnum import iban, luhn
from stdnum.iso7064 import mod_97_10

from agent.errors import ConfigError


class Redactor(Protocol):
    """Safe for many threads."""

    def redact(self, text: str) -> str:
        """The text with ``[card]``, ``[email]``, ``[iban]`` and ``[phone]`` in the place of such data."""
        ...


def make_redactor(name: str) -> Redactor:
    """The redactor that the setting ``redactor`` names. Raises ConfigError if it is not installed."""
    if name == "builtin":
        return BuiltinRedactor()
    if find_spec("presidio_analyzer") is None:
        raise ConfigError(
            "Setting 'redactor' is 'presidio', which is not installed. Run: pip install 'switchboard-agent[presidio]', "
            'or set redactor = "builtin".'
        )
    from agent.presidio import PresidioRedactor

    return PresidioRedactor()


def for_training(text: str, redactor: Redactor) -> str | None:
    """The text as it may be kept for training, or None if nothing but masks is left of it."""
    masked = redactor.redact(text)
    rest = _MASK.sub("", masked)
    return masked if any(char.isalnum() for char in rest) else None


class RedactingFormatter(logging.Formatter):
    """Formats a log line, its traceback included, and masks what came out."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        # Never another one: a library that logs while it masks would be masked by itself, without an end.
        self._redactor = BuiltinRedactor()

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return self._redactor.redact(super().format(record))


_MASK = re.compile(r"\[(?:card|email|iban|phone)\]")

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?:@|\s?[\[(](?:at|@)[\])]\s?)"
    r"[\w-]{1,63}(?:(?:\.|\s?[\[(]dot[\])]\s?)[\w-]{1,63}){0,7}(?:\.|\s?[\[(]dot[\])]\s?)[^\W\d_]{2,24}(?![\w-])",
    re.IGNORECASE,
)

_GAP = r"[ \-.\u00a0\u2009\u2010-\u2013]"
_IBAN_START = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])", re.IGNORECASE)
_IBAN_PART = re.compile(r"(?:[ -]?[A-Z0-9])", re.IGNORECASE)
_IBAN_LENGTHS = range(15, 35)

_DIGIT_GROUPS = re.compile(rf"(?<!\d)\d+(?:{_GAP}\d+)*")
_DIGITS = re.compile(r"\d+")
_CARD_LENGTHS = range(13, 20)
# Digits in a group of a card's number; only its last group has fewer. A list of sizes has fewer in each.
_CARD_GROUP = 4
# The first digits of payment cards (ISO/IEC 7812 and the networks' own lists).
_CARD_ISSUERS = re.compile(r"[2-6]|8[12]|9792")

# What looks like a phone number and is none: dates, times, ranges of either, groups of four, network addresses.
_DATE = r"(?:\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2}))"
_TIME = r"\d{1,2}[.:]\d{2}"
_NOT_A_PHONE = (
    rf"{_DATE}(?:[ ]?[-\u2013][ ]?{_DATE})?(?![./-]?\d)"
    rf"|{_TIME}[ ]?[-\u2013][ ]?{_TIME}(?![./-]?\d)"
    r"|(?:\d{4}[ -]){3,}\d{1,4}(?!\d)"
    r"|\d{1,3}(?:\.\d{1,3}){3}(?![.\d])"
)
_BETWEEN = r"[ ./\-\u00a0\u2010-\u2013]{0,2}"
_PHONE = re.compile(
    rf"(?<![\w.])(?P<other>{_NOT_A_PHONE})"
    # With a sign of its own: + or 00 and a country, a trunk 0, or an area in brackets.
    rf"|(?<![\w.#-])(?P<marked>(?:\+{_BETWEEN}\d|\(\+?\d{{1,5}}\)|0\d)(?:{_BETWEEN}\(?\d\)?){{6,13}}(?!\w))"
    # North American groups of 3, 3 and 4, and Chinese mobile numbers.
    r"|(?<![\w.#-])(?P<known>(?:1[ .-])?\d{3}[ .-]\d{3}[ .-]\d{4}|1[3-9]\d([ -]?)\d{4}\4\d{4})(?![\w-])"
    # Any number that somebody says to be a phone's.
    r"|(?P<lead>(?:\b(?:phone|telephone|tel|mobile|cell|whatsapp|sms|call|ring|text|reach)\b"
    r"(?:[ ]?(?:me|us|him|her|number|no|nr|is|it'?s|on|at|under|my))*|电话|手机|号码)(?:是|[:：.#]|\s)*)"
    rf"(?P<said>\d(?:{_BETWEEN}\d){{6,14}}(?!\w))",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|tracking|parcel|article|item|product|sku|ean|isbn|ref|reference|customer|account|voucher|code|"
    r"ticket|case|return|serial|receipt)s?(?:[ ](?:number|no|nr|id|code|is|of|for))*[ :.#]*$",
    re.IGNORECASE,
)
_LOOK_BACK = 40


class BuiltinRedactor:
    """Patterns with check digits: fast, without a model, the same in every language.

    A card needs a payment network's first digit and a valid check digit (Luhn), an IBAN a valid one (modulo 97) and
    the structure of its country. A phone number needs a sign of its own (+, a leading 0, brackets, a known grouping)
    or a word before it that says so; numbers of orders, dates, times, prices and versions stay.
    """

    def redact(self, text: str) -> str:
        """See ``Redactor.redact``."""
        text = _EMAIL.sub("[email]", text)
        text = _without_ibans(text)
        text = _DIGIT_GROUPS.sub(_without_cards, text)
        return _PHONE.sub(_without_phone, text)


def _without_ibans(text: str) -> str:
    """Takes as many characters as make a valid IBAN, so that words behind it do not hide it."""
    kept, place = [], 0
    for start in _IBAN_START.finditer(text):
        if start.start() < place:
            continue
        end = _iban_end(text, start.start())
        if end:
            kept += [text[place : start.start()], "[iban]"]
            place = end
    return "".join([*kept, text[place:]])


def _iban_end(text: str, start: int) -> int:
    """Where the IBAN that begins at ``start`` ends; 0 if none does."""
    compact, end = "", start
    while part := _IBAN_PART.match(text, end):
        compact += part[0][-1].upper()
        end = part.end()
        whole = not text[end : end + 1].isalnum()
        if whole and len(compact) in _IBAN_LENGTHS and mod_97_10.is_valid(compact[4:] + compact[:4]):
            return end if iban.is_valid(compact) else 0
        if len(compact) >= _IBAN_LENGTHS.stop:
            break
    return 0


def _without_cards(run: re.Match[str]) -> str:
    """Masks the groups of digits that make a card, and leaves those around it: an order's number, an expiry date."""
    text = run[0]
    groups = list(_DIGITS.finditer(text))
    kept, place, first = [], 0, 0
    while first < len(groups):
        last = _card_end(text, groups, first)
        if last is None:
            first += 1
            continue
        kept += [text[place : groups[first].start()], "[card]"]
        place = groups[last].end()
        first = last + 1
    return "".join([*kept, text[place:]])


def _card_end(text: str, groups: list[re.Match[str]], first: int) -> int | None:
    """The last group of the longest card that begins with the group ``first``."""
    number, found = "", None
    for last in range(first, len(groups)):
        number += groups[last][0]
        if len(number) >= _CARD_LENGTHS.stop:
            break
        if len(number) in _CARD_LENGTHS and _CARD_ISSUERS.match(number) and luhn.is_valid(number):
            found = last
        if len(groups[last][0]) < _CARD_GROUP:
            break
    return found


def _without_phone(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - _LOOK_BACK) : match.start()]
    if match["other"] or (not match[0].startswith("+") and _OTHER_NUMBER.search(before)):
        return match[0]
    if match["said"] and re.fullmatch(_NOT_A_PHONE, match["said"]):
        return match[0]
    return (match["lead"] or "") + "[phone]"
