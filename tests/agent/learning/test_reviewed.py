from __future__ import annotations

from typing import Any

import pytest

from agent.config import Settings
from agent.learning.data import Dataset
from agent.learning.near import near_duplicates
from agent.learning.reviewed import CLAIMS_OF_ONE_CLIENT, RECENT, ROLLING_SHARE, ReviewedData, with_reviews
from agent.text import fraction
from agent.types import Example, StoredReview

SEED = Dataset(
    (
        Example("where is my parcel", intent="track"),
        Example("how do i return boots", intent="return", document="returns"),
        Example("what a lovely day", out_of_scope=True),
        Example("this is rubbish", sentiment="negative"),
    )
)


def review(number: int, text: str, **changes: Any) -> StoredReview:
    values: dict[str, Any] = {"app": "shop", "verdict": "corrected", "reviewer": "eve"}
    return StoredReview(text=text, id=number, created_at=f"2026-05-01T10:00:{number % 60:02}", **(values | changes))


def join(*reviews: StoredReview, seed: Dataset = SEED, settings: Settings | None = None, **more: Any) -> ReviewedData:
    return with_reviews(seed, reviews, settings=settings or Settings(), **more)


def conversations(held: bool) -> list[str]:
    """A hundred names of conversations that are kept out of training, or that are not."""
    return [name for n in range(2000) if (fraction(name := f"conversation {n}") < ROLLING_SHARE) is held][:100]


def test_without_reviews_the_files_are_all_there_is() -> None:
    joined = join()
    assert joined.dataset == SEED
    assert (joined.rolling.examples, joined.conflicts, joined.reviewed, joined.bounded) == ((), (), 0, 0)


def test_reviews_become_examples_once_each_and_the_last_word_counts() -> None:
    joined = join(
        review(1, "Wheres my stuff", intent="return"),
        review(2, "wheres  my stuff", intent="track", verdict="confirmed"),
        review(3, "wheres my stuff", sentiment="negative"),
        review(4, "sing me a song", verdict="out_of_scope"),
        review(5, "who knows", verdict="skipped"),
    )
    assert joined.dataset.examples[4:] == (
        Example("Wheres my stuff", intent="track", sentiment="negative"),
        Example("sing me a song", out_of_scope=True),
    )
    assert (joined.conflicts, joined.reviewed) == ((), 2)


def test_what_two_reviewers_decide_differently_teaches_nothing_and_is_reported() -> None:
    joined = join(review(1, "my stuff", intent="track"), review(2, "My stuff", intent="return", reviewer="ben"))
    assert joined.dataset == SEED
    [conflict] = joined.conflicts
    assert conflict.text == "my stuff"
    assert conflict.what == "ben and eve disagree on its intent; it is not learned from."


def test_a_review_beats_the_apps_file_and_that_is_reported() -> None:
    joined = join(review(1, "Where is my PARCEL", intent="return"), review(2, "what a lovely day", intent="chat"))
    assert joined.dataset.examples[0] == Example("where is my parcel", intent="return")
    assert joined.dataset.examples[2] == Example("what a lovely day", intent="chat")
    assert [c.what for c in joined.conflicts] == [
        "The app's file has it as 'track', reviews as 'return'; the reviews were taken.",
        "The app's file has it as 'out of scope', reviews as 'chat'; the reviews were taken.",
    ]
    agreeing = join(review(1, "where is my parcel", intent="track", sentiment="neutral"))
    assert agreeing.dataset.examples[0] == Example("where is my parcel", intent="track", sentiment="neutral")
    assert agreeing.conflicts == ()


def test_a_text_of_the_file_that_is_out_of_scope_after_all_loses_what_it_had() -> None:
    joined = join(review(1, "how do i return boots", verdict="out_of_scope"))
    assert joined.dataset.examples[1] == Example("how do i return boots", out_of_scope=True)


def test_passages_right_and_wrong() -> None:
    joined = join(
        review(1, "how do i return boots", wrong_document="returns"),
        review(2, "boots dont fit", document="exchange", wrong_document="returns", intent="return"),
    )
    assert joined.wrong_pairs == (("how do i return boots", "returns"), ("boots dont fit", "returns"))
    assert joined.dataset.examples[1] == Example("how do i return boots", intent="return")
    assert joined.dataset.examples[4] == Example("boots dont fit", intent="return", document="exchange")


def test_nothing_of_the_frozen_test_set_is_learned_from() -> None:
    joined = join(review(1, "Track  it please", intent="track"), frozen=["track it please"])
    assert joined.dataset == SEED


def test_names_that_the_app_no_longer_has_are_reported_and_not_learned_from() -> None:
    joined = join(
        review(1, "my old boiler", intent="boilers"),
        review(2, "boots", document="gone"),
        intents={"track", "return"},
        documents={"returns"},
    )
    assert joined.dataset == SEED
    assert ["'boilers', which is no intent" in c.what for c in joined.conflicts] == [True, False]
    assert "'gone', which is no article" in joined.conflicts[1].what


def test_a_fifth_of_the_conversations_is_kept_out_of_training_whole() -> None:
    held, taught = conversations(True)[0], conversations(False)[0]
    joined = join(
        review(1, "first of it", intent="track", conversation_id=held, wrong_document="returns"),
        review(2, "second of it", verdict="out_of_scope", conversation_id=held),
        review(3, "something else", intent="return", conversation_id=taught),
        review(4, "First of it", intent="track", conversation_id=taught),
        review(5, "where is my parcel", intent="track", conversation_id=held),
    )
    assert [e.text for e in joined.rolling.examples] == ["first of it", "second of it"]
    assert [e.text for e in joined.dataset.examples[4:]] == ["something else"]
    assert joined.wrong_pairs == ()
    assert len(joined.everything.examples) == 7
    names = [f"c{n}" for n in range(1000)]
    many = join(*(review(n, f"text {n}", intent="track", conversation_id=name) for n, name in enumerate(names)))
    assert 30 < len(many.rolling.examples) < 90
    assert min(int(e.text.split()[1]) for e in many.rolling.examples) >= 1000 - RECENT
    assert len(many.rolling.examples) + len(many.dataset.examples) == 1000 + len(joined.dataset.examples) - 1


def test_one_clients_reviewed_messages_are_bounded_by_number_and_by_share() -> None:
    seed = Dataset(tuple(Example(f"{n} parcels, where", intent="track") for n in range(100)))
    words = ["boat", "lamp", "rope", "tent", "stove", "glove", "sock", "map", "knife", "torch", "axe", "mug"]
    texts = [f"{a} {b}" for a in words for b in words if a < b]
    reviews = [review(n, text, intent="track", client_id="c1") for n, text in enumerate(texts[:50])]
    others = [review(60 + n, f"{text} again", intent="track", client_id=f"d{n}") for n, text in enumerate(texts[50:])]

    def taught(*reviews: StoredReview, **bounds: int) -> int:
        return join(*reviews, seed=seed, settings=Settings(**bounds)).reviewed  # type: ignore[arg-type]

    assert taught(*reviews) == 20
    assert taught(*reviews, client_examples=8) == 8
    assert taught(*reviews, client_percent=10) == 10
    assert taught(*reviews, client_percent=0) == 5
    assert taught(*others) == len(others)
    joined = join(*reviews, seed=seed)
    assert joined.bounded == 30
    assert joined.dataset.examples[-1].text == texts[49]


def test_near_duplicates_of_one_client_count_once() -> None:
    says = ["where is my parcel now", "Where is my parcel, now??", "where is my parcel now!!!", "wheres my parcel now"]
    reviews = [review(n, text, intent="track", client_id="c1") for n, text in enumerate(says)]
    assert join(*reviews).reviewed == 1
    assert join(*(review(n, text, intent="track", client_id=f"c{n}") for n, text in enumerate(says))).reviewed == 4


def test_what_clients_say_teaches_only_if_the_setting_says_so_and_two_agree() -> None:
    words = ["boat", "lamp", "rope", "tent", "stove", "glove", "sock", "map", "knife", "torch"]
    accepting = Settings(accept_corrections=True)

    def claims(client: str, start: int) -> list[StoredReview]:
        said = [f"i want my {word} now" for word in words]
        return [review(start + n, text, intent=f"i{n}", client_id=client, reviewer="") for n, text in enumerate(said)]

    first, second = claims("c1", 0), claims("c2", 20)
    assert join(*first, *second).dataset == SEED
    alone = join(*first, *first, settings=accepting)
    assert (alone.dataset, alone.bounded) == (SEED, len(words))
    assert join(*first, *second, settings=accepting).reviewed == CLAIMS_OF_ONE_CLIENT
    nearly = review(50, "I want my boat, now!!", intent="i0", client_id="c3", reviewer="")
    assert {e.text for e in join(first[0], nearly, settings=accepting).dataset.examples[4:]} == {
        first[0].text,
        nearly.text,
    }
    other = review(51, "i want my boat now please", intent="i7", client_id="c3", reviewer="")
    assert join(first[0], other, settings=accepting).dataset == SEED
    in_file = [review(n, "where is my parcel", intent="return", reviewer="", client_id=f"c{n}") for n in (1, 2)]
    assert join(*in_file, settings=accepting).dataset == SEED


def test_one_client_cannot_move_an_intent_however_often_it_is_wrong() -> None:
    wrong = [review(n, f"where is parcel {n}", intent="return", client_id="c1", reviewer="") for n in range(500)]
    joined = join(*wrong, settings=Settings(accept_corrections=True))
    assert (joined.dataset, joined.rolling.examples, joined.bounded) == (SEED, (), 500)


@pytest.mark.parametrize("reviewed_first", [True, False])
def test_a_reviewer_overrules_clients_and_clients_may_cancel_each_other(reviewed_first: bool) -> None:
    first, second = (1, 2) if reviewed_first else (2, 1)
    claim = review(second, "my stuff", intent="return", reviewer="", client_id="c1")
    settings = Settings(accept_corrections=True)
    joined = join(review(first, "my stuff", intent="track"), claim, settings=settings)
    assert joined.dataset.examples[-1] == Example("my stuff", intent="track")
    rival = review(3, "my stuff", intent="track", reviewer="", client_id="c2")
    both = join(claim, rival, settings=settings)
    assert both.dataset == SEED
    assert len(both.conflicts) == 1


def test_near_duplicates_are_told_from_the_first_of_their_kind() -> None:
    texts = ["where is my parcel", "WHERE is my parcel?", "i want my money back", "where is my parcel..."]
    assert near_duplicates(texts) == [False, True, False, True]
    assert near_duplicates([]) == []
