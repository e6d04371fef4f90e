from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from agent.dialogue.actions import load_actions
from agent.dialogue.dialogue import Dialogue
from agent.dialogue.tracker import Tracker
from agent.dialogue.turn import Draft
from agent.domain import Domain, Handoff
from agent.types import Prediction
from index.knowledge import Hit
from tests.agent.dialogue.small_app import hit, is_word, predict


class Talk:
    """One conversation, turn by turn; its state goes through JSON between turns, as after a restart."""

    def __init__(self, domain: Domain, data: Path) -> None:
        self.domain, self.data = domain, data
        self.dialogue = Dialogue(domain, load_actions(domain.folder), data, lambda: date(2026, 11, 24), is_word=is_word)
        self.tracker = Tracker("conversation", domain.name)

    def say(self, prediction: Prediction, hits: Sequence[Hit] = ()) -> Draft:
        self.tracker = Tracker.from_dict(json.loads(json.dumps(self.tracker.to_dict())))
        texts = self.dialogue.texts(prediction.text, self.tracker)
        # Whatever else is read of the message, the model is made to find the same in it.
        predictions = [replace(prediction, text=text) for text in texts]
        return self.dialogue.reply(prediction.text, predictions, self.tracker, lambda *_: hits)


@pytest.fixture
def talk(domain: Domain, tmp_path: Path) -> Talk:
    return Talk(domain, tmp_path)


def test_an_answer_has_a_lead_in_the_words_of_the_passage_and_its_citation(talk: Talk) -> None:
    draft = talk.say(predict("when do you open", "hours"), [hit()])
    assert draft.route.kind == "answer"
    assert draft.text.endswith("We open at nine. We close at six. [1]")
    assert [c.passage_id for c in draft.citations] == ["opening#1"]


def test_the_charts_of_an_action_come_with_its_words(talk: Talk) -> None:
    talk.say(predict("where is my book", "loan_status"))
    assert [figure.title for figure in talk.say(predict("1234", "person", 0.3)).figures] == ["Loans"]
    assert talk.say(predict("hello", "greeting")).figures == ()


def test_where_sentiment_is_no_mood_it_neither_colours_a_reply_nor_is_kept(domain: Domain, tmp_path: Path) -> None:
    talk = Talk(replace(domain, moods=False), tmp_path)
    drafts = [talk.say(predict(f"the fine is {bad}", "fines", mood="negative"), [hit()]) for bad in ("awful", "wrong")]
    assert [draft.route.kind for draft in drafts] == ["answer", "answer"]
    assert "About fines:" in drafts[0].text
    assert [draft.prediction.sentiment for draft in drafts] == [None, None]
    assert talk.tracker.anger == 0


def test_quick_replies_are_remembered_with_what_they_mean_until_the_next_reply(talk: Talk) -> None:
    talk.say(predict("is the moon cheese", out_of_scope=0.9))
    assert talk.tracker.offered == {
        "where is my book": "loan_status",
        "when do you open": "hours",
        "talk to a person": "person",
    }
    draft = talk.say(predict("WHEN do you open", "loan_status", 0.5), [hit(document="other"), hit(score=0.5)])
    assert (draft.route.kind, draft.route.intent) == ("answer", "hours")
    # Of an intent that is certain, its own articles go before better ones.
    assert [c.passage_id for c in draft.citations] == ["opening#1"]
    assert talk.tracker.offered == {}


def test_values_under_a_forms_question_stand_for_no_intent(talk: Talk) -> None:
    draft = talk.say(predict("keep a book for me", "reserve"))
    assert draft.quick_replies
    assert talk.tracker.offered == {}


def test_what_was_typed_is_kept_though_the_model_reads_it_mended(talk: Talk) -> None:
    predictions = [predict("mended", "hours")]
    draft = talk.dialogue.reply("when do you opne", predictions, talk.tracker, lambda *_: [hit()])
    assert draft.prediction.text == "when do you opne"


def test_the_first_reply_alone_says_that_this_is_a_machine(talk: Talk) -> None:
    assert talk.say(predict("hello", "greeting")).text.startswith("I am a machine.\n\n")
    assert "machine" not in talk.say(predict("hello", "greeting")).text


def test_no_wording_comes_twice_in_a_row(talk: Talk) -> None:
    texts = [talk.say(predict("hello", "greeting")).text for _ in range(7)]
    assert all(a != b for a, b in pairwise(texts))
    assert len(set(texts[1:])) == 3


def test_anger_is_met_with_other_words_and_a_person(talk: Talk) -> None:
    draft = talk.say(predict("a fine!!", "fines", mood="negative"), [hit("Fines are small.", document="fines")])
    assert "I am sorry about the fine:" in draft.text
    assert "Talk to a person" in [q.title for q in draft.quick_replies]
    calm = talk.say(predict("a fine", "fines"), [hit("They start after a week.", document="fines", number=2)])
    assert "About fines:" in calm.text
    assert calm.quick_replies == ()


def test_venting_gets_an_apology_and_what_can_be_done_next_and_twice_of_it_a_person(talk: Talk) -> None:
    talk.say(predict("what is the fine", "fines"), [hit("Fines are small.", document="fines")])
    vented = talk.say(predict("how annoying", "hours", 0.3, out_of_scope=0.7, mood="negative"))
    assert (vented.route.kind, vented.route.intent) == ("answer", "fines")
    assert "sorry" in vented.text
    assert "fines" in vented.text
    assert [q.title for q in vented.quick_replies] == ["Talk to a person"]
    assert talk.tracker.last_question == "what is the fine"
    again = talk.say(predict("useless, all of it", "hours", 0.3, out_of_scope=0.7, mood="negative"))
    assert again.route.kind == "handoff"


def test_a_mood_that_is_not_sure_is_answered_plainly(talk: Talk) -> None:
    prediction = predict("a fine", "fines", mood="negative")
    assert prediction.sentiment is not None
    weak = replace(prediction.sentiment, scores={"negative": 0.4, "neutral": 0.35, "positive": 0.25})
    draft = talk.say(replace(prediction, sentiment=weak), [hit("Fines are small.", document="fines")])
    assert "About fines:" in draft.text


def test_nothing_relevant_is_an_answer(talk: Talk) -> None:
    draft = talk.say(predict("when do you open", "hours"), [hit(document="other", score=0.2)])
    assert draft.route.kind == "refuse"
    assert draft.route.reason.startswith("nothing relevant: the best passage has 0.20, below 0.40")
    assert draft.citations == ()
    assert [q.title for q in draft.quick_replies] == ["Where is my book?", "When do you open?", "Talk to a person"]


def test_out_of_scope_says_what_the_bot_can_do(talk: Talk) -> None:
    draft = talk.say(predict("is the moon landing fake", out_of_scope=0.9, confidence=0.3))
    assert "outside what I can help with" in draft.text
    assert "a loan, reserving a book, opening hours and fines" in draft.text
    assert draft.quick_replies[0].text == "Where is my book?"


def test_chinese_is_refused_in_two_languages_with_a_person(talk: Talk) -> None:
    draft = talk.say(predict("我的书在哪里？", unknown_share=0.6))
    assert "only read English" in draft.text
    assert "英文" in draft.text
    assert [q.title for q in draft.quick_replies] == ["Talk to a person"]


def test_asking_back_names_both_and_takes_the_choice(talk: Talk) -> None:
    draft = talk.say(predict("late", "hours", 0.45, "fines", rest=0.4))
    assert "opening hours" in draft.text
    assert "fines" in draft.text
    chosen = talk.say(predict(draft.quick_replies[1].text, "person", 0.4), [hit("Fines are small.", document="fines")])
    assert (chosen.route.kind, chosen.route.intent) == ("answer", "fines")
    assert talk.tracker.clarification is None


def test_an_action_asks_for_its_slot_then_acts_and_remembers(talk: Talk) -> None:
    asked = talk.say(predict("where is my book", "loan_status"))
    assert asked.route.kind == "action"
    assert asked.text.endswith(("Which card?", "What is the card's number?"))
    assert talk.say(predict("1234", "person", 0.3)).text == "Card C-1234: due on Friday."
    again = talk.say(predict("and now?", "loan_status"))
    assert again.text.endswith("Card C-1234: due on Friday.")
    assert again.text != "Card C-1234: due on Friday."
    assert "Talk to a person" in [q.title for q in again.quick_replies]


def test_a_value_that_the_action_refuses_is_asked_for_again_then_a_person_helps(talk: Talk) -> None:
    talk.say(predict("where is my book", "loan_status"))
    again = talk.say(predict("0000", "person", 0.3))
    assert again.text == "No card C-0000."
    assert again.route.reason.startswith("asked again")
    assert talk.tracker.expecting == "card"
    assert talk.tracker.slots == {}
    last = talk.say(predict("0000", "person", 0.3))
    assert last.route.kind == "handoff"
    assert talk.tracker.holder == "person"


def test_a_failing_action_is_owned_up_to(talk: Talk) -> None:
    draft = talk.say(predict("where is the book of card 9999", "loan_status"))
    assert "did not work" in draft.text
    assert "disk" not in draft.text
    assert draft.quick_replies[0].text == "where is the book of card 9999"
    assert talk.tracker.form is None


def test_an_action_without_a_place_for_its_data_is_owned_up_to(domain: Domain, tmp_path: Path) -> None:
    (tmp_path / "apps").write_text("a file where a folder should be")
    draft = Talk(domain, tmp_path).say(predict("card 1234", "loan_status"))
    assert "did not work" in draft.text


def test_a_form_asks_one_at_a_time_confirms_and_acts(talk: Talk) -> None:
    assert talk.say(predict("reserve emma for me", "reserve")).text.endswith(
        ("Which card?", "What is the card's number?")
    )
    assert talk.say(predict("1234", "person", 0.3)).text == "Any note?"
    summary = talk.say(predict("<b>quick</b>", "fines", 0.3)).text
    assert "- Card: **C-1234**\n- Book: **Emma**\n- Note: **&lt;b&gt;quick&lt;/b&gt;**" in summary
    assert not (talk.data / "apps" / "library" / "reserved").exists()
    assert talk.say(predict("yes", "greeting")).text == "Reserved Emma."
    assert "('note', '<b>quick</b>')" in (talk.data / "apps" / "library" / "reserved").read_text()
    assert talk.tracker.form is None
    assert "note" not in talk.tracker.slots


def test_several_slots_come_in_one_message(talk: Talk) -> None:
    assert talk.say(predict("reserve emma on card 1234", "reserve")).text.endswith("Any note?")


def test_a_form_survives_another_question(talk: Talk) -> None:
    talk.say(predict("reserve emma on card 1234", "reserve"))
    aside = talk.say(predict("when do you open?", "hours"), [hit()])
    assert aside.route.kind == "answer"
    assert aside.citations
    assert "your reservation" in aside.text
    assert aside.text.endswith("Any note?")
    assert "- Note: **none**" in talk.say(predict("none", "fines", 0.3)).text


def test_a_form_survives_a_question_that_nothing_answers(talk: Talk) -> None:
    talk.say(predict("reserve emma", "reserve"))
    aside = talk.say(predict("when do you open?", "hours"))
    assert aside.route.kind == "refuse"
    assert talk.tracker.expecting == "card"
    assert "your reservation" in aside.text


def test_a_confirmation_can_be_refused_and_corrected(talk: Talk) -> None:
    talk.say(predict("reserve emma on card 1234", "reserve"))
    talk.say(predict("none", "fines", 0.3))
    assert talk.say(predict("no", "greeting")).route.reason == "denied: reservation"
    corrected = talk.say(predict("the card is 5678", "person", 0.3))
    assert "**C-5678**" in corrected.text
    assert talk.say(predict("yes", "greeting")).text == "Reserved Emma."


def test_a_form_can_be_cancelled(talk: Talk) -> None:
    talk.say(predict("reserve emma", "reserve"))
    draft = talk.say(predict("never mind", "greeting", 0.3))
    assert "nothing" in draft.text
    assert talk.tracker.form is None


def test_a_check_may_end_a_form_or_send_it_back(talk: Talk) -> None:
    assert "That card is closed." in talk.say(predict("reserve emma on card 0000", "reserve")).text
    assert talk.tracker.form is None
    talk.tracker.slots.clear()
    talk.say(predict("reserve something on card 1234", "reserve"))
    again = talk.say(predict("Ulysses", "fines", 0.3))
    assert again.text == "We have no such book."
    assert talk.tracker.expecting == "book"


def test_another_wish_puts_the_form_aside(talk: Talk) -> None:
    talk.say(predict("reserve emma", "reserve"))
    draft = talk.say(predict("where is my book", "loan_status"))
    assert "your reservation" in draft.text
    assert talk.tracker.form is not None
    assert talk.tracker.form.intent == "loan_status"


def test_a_person_takes_over_and_gives_back(talk: Talk) -> None:
    taken = talk.say(predict("a person please", "person"))
    assert "Call 555-0100." in taken.text
    assert talk.say(predict("hello?", "greeting")).route.kind == "handoff"
    assert talk.say(predict(taken.quick_replies[0].text, "person")).route.kind == "answer"
    assert talk.say(predict("when do you open", "hours"), [hit()]).citations


def test_the_apps_own_words_go_with_a_hand_over(domain: Domain, tmp_path: Path) -> None:
    own = replace(domain, handoff=Handoff(message="{title} calls back."))
    assert "The library calls back." in Talk(own, tmp_path).say(predict("a person please", "person")).text


def test_two_angry_turns_hand_over(talk: Talk) -> None:
    assert (
        talk.say(predict("a fine!!", "fines", mood="negative"), [hit("Fines.", document="fines")]).route.kind
        == "answer"
    )
    assert talk.say(predict("this is absurd!!", "fines", mood="negative")).route.kind == "handoff"


def test_two_failures_in_a_row_hand_over(talk: Talk) -> None:
    talk.say(predict("when do you open", "hours"))
    assert talk.say(predict("late", "hours", 0.4, "fines", rest=0.35)).route.kind == "handoff"


def test_a_success_between_two_failures_forgives_the_first(talk: Talk) -> None:
    talk.say(predict("when do you open", "hours"))
    talk.say(predict("hello", "greeting"))
    assert talk.say(predict("late", "hours", 0.4, "fines", rest=0.35)).route.kind == "clarify"


def test_a_question_asked_again_gets_the_next_sentences_then_a_person(talk: Talk) -> None:
    long = "Loans last four weeks. You may renew twice. It is free. Fines start after that. Ask at the desk."
    hits = [hit(long, document="opening")]
    first = talk.say(predict("when do you open", "hours"), hits)
    second = talk.say(predict("when do you open", "hours"), hits)
    third = talk.say(predict("when do you open", "hours"), hits)
    assert "Loans last four weeks." in first.text
    assert "Loans last four weeks." not in second.text
    assert "Fines start after that. Ask at the desk. [1]" in second.text
    assert second.citations[0].sentence == "Fines start after that."
    assert not any(sentence in third.text for sentence in long.split(". "))
    assert [c.passage_id for c in third.citations] == ["opening#1"]
    assert "Talk to a person" in [q.title for q in third.quick_replies]


def test_a_question_asked_again_gets_another_passage_of_the_article(talk: Talk) -> None:
    hits = [hit(), hit("We stay open on holidays.", number=2, score=0.6)]
    talk.say(predict("when do you open", "hours"), hits)
    again = talk.say(predict("when do you open", "hours"), hits)
    assert "We stay open on holidays. [1]" in again.text
    assert "nine" not in again.text


def test_a_correction_of_an_earlier_slot_is_no_value_for_the_one_asked_for(talk: Talk) -> None:
    talk.say(predict("reserve emma on card 1234", "reserve"))
    corrected = talk.say(predict("sorry, I meant middlemarch", "person", 0.3))
    assert corrected.text.endswith("Any note?")
    assert talk.tracker.form is not None
    assert talk.tracker.form.slots == {"card": "C-1234", "book": "Middlemarch"}


def test_a_free_text_that_names_something_changes_no_other_slot(talk: Talk) -> None:
    talk.say(predict("reserve emma on card 1234", "reserve"))
    summary = talk.say(predict("leave it beside middlemarch on the shelf", "person", 0.3))
    assert "- Book: **Emma**\n- Note: **leave it beside middlemarch on the shelf**" in summary.text


def test_a_question_that_a_passage_alone_makes_clear_is_answered_within_a_form(talk: Talk) -> None:
    talk.say(predict("reserve emma", "reserve"))
    aside = talk.say(predict("what is on the back of it?", "reserve", 0.4), [hit(score=0.6)])
    assert (aside.route.kind, aside.citations[0].passage_id) == ("answer", "opening#1")
    assert "your reservation" in aside.text
    assert talk.tracker.failures == 0


def test_a_question_about_something_else_is_refused_within_a_form(talk: Talk) -> None:
    talk.say(predict("reserve emma on card 1234", "reserve"))
    refused = talk.say(predict("who won the football?", "hours", 0.3, out_of_scope=0.9))
    assert refused.route.kind == "refuse"
    assert refused.text.endswith("Any note?")
    assert talk.tracker.expecting == "note"


def test_two_wishes_are_answered_in_order_and_a_question_comes_last(talk: Talk) -> None:
    text = "where is my book and when do you open"
    both = talk.dialogue.texts(text, talk.tracker)
    intents = ("loan_status", "loan_status", "hours")
    predictions = [predict(text, intent) for text, intent in zip(both, intents, strict=True)]
    draft = talk.dialogue.reply(text, predictions, talk.tracker, lambda *_: [hit()])
    assert draft.route.options == ("loan_status", "hours")
    assert "We open at nine. We close at six. [1]" in draft.text
    assert draft.text.endswith(("Which card?", "What is the card's number?"))
    assert draft.text.count("card") == 1
    assert talk.tracker.turns == 1


def test_a_second_wish_that_needs_answers_too_waits_for_the_first(talk: Talk) -> None:
    text = "where is my book and can you keep emma for me"
    both = talk.dialogue.texts(text, talk.tracker)
    intents = ("loan_status", "loan_status", "reserve")
    predictions = [predict(text, intent) for text, intent in zip(both, intents, strict=True)]
    assert "card" in talk.dialogue.reply(text, predictions, talk.tracker, lambda *_: []).text
    done = talk.say(predict("1234", "person", 0.3))
    assert done.text.startswith("Card C-1234: due on Friday.")
    assert done.text.endswith("Any note?")
    assert talk.tracker.form is not None
    assert talk.tracker.form.slots == {"card": "C-1234", "book": "Emma"}


def test_a_wish_that_waits_is_dropped_with_the_first(talk: Talk) -> None:
    text = "where is my book and can you keep emma for me"
    both = talk.dialogue.texts(text, talk.tracker)
    intents = ("loan_status", "loan_status", "reserve")
    predictions = [predict(text, intent) for text, intent in zip(both, intents, strict=True)]
    talk.dialogue.reply(text, predictions, talk.tracker, lambda *_: [])
    talk.say(predict("never mind", "greeting", 0.3))
    assert talk.tracker.form is None
    assert talk.tracker.later is None


def test_a_correction_repeats_the_last_wish_however_sure_the_model_is_of_another(talk: Talk) -> None:
    talk.say(predict("where is the book of card 1234", "loan_status"))
    assert talk.say(predict("no, 5678", "fines", 0.9)).text == "Card C-5678: due on Friday."


def test_a_remembered_value_that_ends_the_form_is_asked_for_anew(talk: Talk) -> None:
    talk.say(predict("hello from card 0000", "greeting"))
    draft = talk.say(predict("reserve emma", "reserve"))
    assert draft.text.startswith("That card is closed.")
    assert draft.text.endswith(("Which card?", "What is the card's number?"))
    assert talk.tracker.form is not None
    assert talk.tracker.form.slots == {"book": "Emma"}
    assert talk.say(predict("1234", "person", 0.95)).text.endswith("Any note?")


def test_a_bare_number_is_no_wish_whatever_the_model_makes_of_it(talk: Talk) -> None:
    assert talk.say(predict("1234", "person", 0.95)).route.intent == "loan_status"
    talk.say(predict("when do you open", "hours"), [hit()])
    assert talk.say(predict("c-5678.", "person", 0.95)).route.intent == "loan_status"
