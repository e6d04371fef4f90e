"""The redactor over Microsoft's presidio-analyzer: its recognisers of patterns, without a language model.

An optional extra. Importing this module does not load presidio; the first text does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

LANGUAGE = "en"
_MASKS = {"CREDIT_CARD": "[card]", "EMAIL_ADDRESS": "[email]", "IBAN_CODE": "[iban]", "PHONE_NUMBER": "[phone]"}


class PresidioRedactor:
    """See ``agent.redaction.Redactor``. Its recognisers need no download and reach no network."""

    def redact(self, text: str) -> str:
        """The text with masks; where findings overlap, the surer and longer one counts."""
        found = self._analyzer.analyze(text, language=LANGUAGE, entities=list(_MASKS))
        found.sort(key=lambda f: (-f.score, f.start - f.end))
        masked: list[Any] = []
        for finding in found:
            if all(finding.end <= other.start or other.end <= finding.start for other in masked):
                masked.append(finding)
        for finding in sorted(masked, key=lambda f: -f.start):
            text = text[: finding.start] + _MASKS[finding.entity_type] + text[finding.end :]
        return text

    @cached_property
    def _analyzer(self) -> Any:
        import spacy
        import tldextract
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import (
            CreditCardRecognizer,
            EmailRecognizer,
            IbanRecognizer,
            PhoneRecognizer,
        )

        # The list of public suffixes that comes with the package; its default fetches a newer one.
        is_domain = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

        class Tokens(SpacyNlpEngine):  # type: ignore[misc]
            """Tokens alone: the patterns need no more, and a trained pipeline would be a download."""

            def load(self) -> None:
                self.nlp = {LANGUAGE: spacy.blank(LANGUAGE)}

        class Addresses(EmailRecognizer):  # type: ignore[misc]
            def validate_result(self, pattern_text: str) -> bool:
                return bool(is_domain(pattern_text).fqdn)

        engine = Tokens(models=[{"lang_code": LANGUAGE, "model_name": "blank"}])
        engine.load()
        recognizers = [CreditCardRecognizer(), Addresses(), IbanRecognizer(), PhoneRecognizer()]
        registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
        return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])
