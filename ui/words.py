"""The page's own words, by language. What an app says (title, greeting, replies) is in its domain file."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_LANGUAGE = "en"

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "assistant": "Assistant",
        "you": "You",
        "status": "Automated assistant",
        "new": "New chat",
        "apps": "Choose an assistant",
        "conversation": "Conversation",
        "skip": "Skip to the message box",
        "message": "Your message",
        "placeholder": "Write a message",
        "send": "Send",
        "hint": "Please share no passwords or card numbers.",
        "try": "You could ask",
        "typing": "The assistant is writing",
        "loading": "Loading",
        "no_script": "This page needs JavaScript.",
        "source": "Source",
        "sources": "Sources",
        "open": "Open the whole passage in a new tab",
        "to_source": "Go to source",
        "suggestions": "Suggested replies",
        "helpful": "Helpful",
        "unhelpful": "Not helpful",
        "copy": "Copy the reply",
        "copied": "Copied",
        "retry": "Send again",
        "failed": "That did not go through.",
        "failed_remedy": "Wait a moment and try again; your text is kept.",
        "moved_on": "Your earlier conversation is no longer open, so a new one has begun.",
        "thanks": "Thank you. A person reviews what people say of answers.",
        "thanks_up": "Thank you, noted.",
        "not_judged": "That could not be noted.",
        "what_wrong": "What was wrong?",
        "reason_wrong": "It is wrong",
        "reason_off_topic": "Not what I asked",
        "reason_incomplete": "Something is missing",
        "reason_unclear": "Hard to understand",
        "reason_other": "Something else",
        "comment": "Tell us more (optional)",
        "send_feedback": "Send feedback",
        "cancel": "Cancel",
        "why": "Why this answer",
        "why_understood": "What the message could mean",
        "why_scope": "Unlike anything known",
        "why_decided": "Decided by",
        "why_passages": "Passages looked at",
        "why_feeling": "Mood",
        "why_model": "Model version",
        "threshold": "threshold",
    },
}
"""Language -> key -> text. Every language has the same keys."""

REASONS = ("wrong", "off_topic", "incomplete", "unclear", "other")
"""Why a reply is judged unhelpful; the text of each is ``reason_<name>``."""
