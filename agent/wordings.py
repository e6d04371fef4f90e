"""What the dialogue says where an app's domain file has no words of its own; English, fit for any domain.

A domain file overrides any of these under ``[responses.NAME]`` and the word lists under ``[words]``.
``PLACEHOLDERS`` are what ``{...}`` in a wording may name besides the app's slots.
"""

from __future__ import annotations

from collections.abc import Mapping

PLACEHOLDERS = ("title", "contact", "topics", "first", "second", "form", "summary", "question", "source")

RESPONSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # Said before a passage.
    "lead_in": {
        "neutral": ("Here is what I found:", "This should answer it:", "From our help pages:"),
        "negative": (
            "I am sorry about this. Here is what applies:",
            "That is annoying, and I am sorry. This is how it works:",
            "I am sorry for the trouble. This should help:",
        ),
        "positive": ("Gladly! Here is how it works:", "With pleasure:", "Of course, here you go:"),
    },
    # Said before another excerpt, where the best one has been quoted already.
    "told_more": {
        "neutral": ("There is more on this:", "Let me add what else I found:", "Perhaps this says it better:"),
        "negative": (
            "I am sorry that it was not clear. This may help more:",
            "Let me try again, with what else there is:",
            "I am sorry, let me put it in other words:",
        ),
    },
    # Said where all that fits has been quoted.
    "told_all": {
        "neutral": (
            "I have nothing to add to what I quoted above, from {source}. A person may know more.",
            "That is all our help pages say about it, see {source}. Shall a person look at it?",
        ),
        "negative": (
            "I am sorry, I have told you all I know about it, from {source}. A person can look at your case.",
            "I do not want to repeat myself: it is all in {source}. Shall I call a person?",
        ),
    },
    # Said before the result of an action that came out as the last time.
    "unchanged": {
        "neutral": ("Nothing has changed since you asked:", "I have looked again, and it is still the same:"),
        "negative": (
            "I am sorry, I have looked again, and nothing has changed:",
            "I wish I had better news, but it is still the same:",
        ),
    },
    # Said to somebody who only lets off steam; ``first`` is what was answered last.
    "vented": {
        "neutral": (
            "I am sorry, that is not how it should be. I can look further into {first}, or a person can take over.",
            "I understand, and I am sorry. Ask me anything more about {first}, or let a person have a look.",
            "That must be frustrating, and I am sorry. I can go on with {first}, or call a person for you.",
        ),
    },
    "out_of_scope": {
        "neutral": (
            "That is outside what I can help with. I know about {topics}.",
            "I have no good answer to that: it is outside what I can help with. Ask me about {topics}.",
            "Sorry, that is outside what I can help with. Ask me about {topics} instead.",
        ),
        "negative": (
            "I am sorry, that is outside what I can help with, and I would rather say so than guess. "
            "I can help with {topics}, or pass you to a person.",
            "I wish I could do more, but that is outside what I can help with. "
            "My subjects are {topics}; a person can take over for the rest.",
            "I am sorry to leave you without an answer: that is outside what I can help with. "
            "I can help with {topics}, or call a person.",
        ),
    },
    "no_answer": {
        "neutral": (
            "I found nothing in our help pages that answers this, and I do not want to guess. I know about {topics}.",
            "Our help pages do not answer that, so I would be making it up. I can help with {topics}.",
            "I have nothing reliable on that. A person may know more, or ask me about {topics}.",
        ),
        "negative": (
            "I am sorry, I found nothing that answers this, and a guess would not help you. Shall a person look at it?",
            "I am sorry, I have nothing reliable on that. A person can help you better than a guess of mine.",
            "I cannot answer this from our help pages, and I am sorry. Shall I call a person?",
        ),
    },
    "language": {
        "neutral": (
            "I am sorry, I can only read English so far. A person can help you in other ways: {contact}\n\n"
            "很抱歉，我目前只能看懂英文。您可以用英文提问，也可以请人工客服帮忙。",
        ),
    },
    "no_words": {
        "neutral": (
            "I can only read words. Could you tell me in a sentence what you need?",
            "I am not sure what that means. A few words would help me.",
            "Could you put that into words for me?",
        ),
        "negative": (
            "That does not look like a good day. Tell me in a few words what went wrong, and I will try to help.",
            "I can see you are not happy. What has happened?",
            "I would like to help. Could you tell me in a few words what is wrong?",
        ),
    },
    "clarify": {
        "neutral": (
            "Do you mean {first} or {second}?",
            "I want to get this right: is it about {first}, or about {second}?",
            "Two things come to mind: {first}, or {second}. Which one is it?",
        ),
        "negative": (
            "I want to get this right and not waste your time: is it about {first}, or about {second}?",
            "I am sorry, I am not sure yet. Do you mean {first} or {second}?",
            "Let me make sure before I send you the wrong way: {first}, or {second}?",
        ),
    },
    "handoff": {
        "neutral": (
            "I am passing this to a person. They can read our conversation, so you need not repeat yourself. {contact}",
            "A person takes over from here, with everything that you have written so far. {contact}",
        ),
        "negative": (
            "I am sorry that this has been such a nuisance. I am passing you to a person, who can read all of this. "
            "{contact}",
            "You have had enough of a machine, and I understand. A person takes over, with our conversation at hand. "
            "{contact}",
        ),
    },
    "with_person": {
        "neutral": (
            "This conversation is with a person now, and I have added your message to it. {contact}",
            "I have put that with the rest for the person who takes over. {contact}",
        ),
    },
    "welcome_back": {
        "neutral": ("I am the assistant again. What can I do for you?", "Back with you. What do you need?")
    },
    "form_confirm": {
        "neutral": (
            "Let me check that I have it right:\n\n{summary}\n\nShall I go ahead?",
            "This is what I have:\n\n{summary}\n\nIs that right?",
        ),
    },
    "form_wrong": {
        "neutral": (
            "What shall I change? Just write the right value, or say cancel.",
            "Tell me what is wrong with it, and I will put it right. Or say cancel.",
        ),
    },
    "form_yes_or_no": {
        "neutral": (
            "A yes or a no is enough: shall I go ahead?",
            "Just to be safe, shall I go ahead with it? Yes or no.",
        ),
    },
    "form_cancelled": {
        "neutral": (
            "All right, I have dropped it; nothing was sent. What else can I do?",
            "No problem, it is cancelled and nothing was kept. Anything else?",
        ),
    },
    "form_resume": {
        "neutral": ("Back to {form}: {question}", "Now, where were we with {form}? {question}"),
    },
    "form_left": {"neutral": ("I have put {form} aside.", "We can come back to {form} at any time.")},
    "not_understood": {
        "neutral": ("I did not find that in your message.", "Sorry, I could not make that out."),
        "negative": ("I am sorry, I could not find that in your message.", "Sorry, that one I could not make out."),
    },
    "action_failed": {
        "neutral": (
            "I am sorry, that did not work just now, and nothing was changed. Please try again in a moment, "
            "or ask for a person.",
        ),
    },
}

YES = (
    *("yes", "y", "yep", "yeah", "yup", "ok", "okay", "sure", "correct", "right", "that is right", "thats right"),
    *("go ahead", "please do", "do it", "confirm", "confirmed", "exactly", "sounds good", "yes please", "perfect"),
)
NO = (
    "no",
    "n",
    "nope",
    "nah",
    "wrong",
    "not right",
    "not quite",
    "incorrect",
    "no thanks",
    "change it",
    "that is wrong",
)
CANCEL = (
    *("cancel", "stop", "quit", "abort", "exit", "never mind", "nevermind", "forget it", "forget about it"),
    *("leave it", "drop it", "no longer needed", "i changed my mind", "changed my mind", "cancel that", "cancel it"),
    *("cancel this", "forget that", "scrap that", "scrap it", "not now", "lets leave it", "lets not"),
)
RESUME_TITLE = "Go on with the assistant"
RESUME = ("go on with the assistant", "back to the assistant", "back to the bot", "continue with the bot")
PERSON_TITLE = "Talk to a person"
