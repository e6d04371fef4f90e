from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from agent.catalogue import Filters
from agent.database import DataFile
from agent.errors import BadInputError
from agent.reasons import BY_CHANCE, quoted
from agent.recommend import Picks, Recommender
from tests.agent.small_shop import APP, ITEMS, event, film, read, recommender


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    opened = DataFile.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def cinema(file: DataFile) -> Recommender:
    return recommender(file)


def ids(picks: Picks) -> list[str]:
    return [card.item_id for card in picks.cards]


def test_a_newcomer_gets_what_most_people_like(cinema: Recommender) -> None:
    cinema.book.add([event("ferry", "like", user=user) for user in ("ben", "cyd", "dee")])
    cinema.book.add([event("inn", "buy", user=user) for user in ("ben", "cyd")])
    cinema.book.add([event("attic", "view", n, user="ben") for n in range(9)])
    picks = cinema.recommend("ann", diversity=0)
    assert ids(picks)[:2] == ["ferry", "inn"]
    assert [card.why for card in picks.cards[:3]] == [("Liked by 3 people here",), ("Liked by 2 people here",), ()]
    assert (picks.note, len(picks.cards)) == ("", 10)


def test_a_newcomer_gets_good_picks_from_the_first_sentence(cinema: Recommender) -> None:
    picks = cinema.recommend("ann", "a crew in deep space", k=3, diversity=0)
    assert set(ids(picks)) == {"comet", "orbit", "nebula"}
    assert picks.cards[0].why[-1] == "Because you said “a crew in deep space”"
    # What a dialogue has read already is not read again.
    assert ids(cinema.recommend("ann", read("a crew in deep space"), k=3, diversity=0)) == ids(picks)


def test_the_next_answer_has_learned_from_the_last_click(cinema: Recommender) -> None:
    assert not cinema.recommend("ann", diversity=0).cards[0].why
    cinema.add_events("ann", [{"id": "1", "item": "comet", "kind": "like", "at": 1_700_000_000}])
    picks = cinema.recommend("ann", k=2, diversity=0)
    assert set(ids(picks)) == {"orbit", "nebula"}
    assert {card.why for card in picks.cards} == {("Because you liked “Comet”",)}
    cinema.add_events("ann", [{"id": "2", "item": "orbit", "kind": "dislike", "at": 1_700_000_001}])
    later = cinema.recommend("ann", k=20, diversity=0)
    assert not {"comet", "orbit"} & set(ids(later))
    assert cinema.recommend("ben", k=20, diversity=0).cards != later.cards


def test_history_and_words_together(cinema: Recommender) -> None:
    cinema.book.add([event("ferry", "like"), event("glacier", "buy", 1)])
    [card] = cinema.recommend("ann", "a cook at an inn", k=1, diversity=0).cards
    assert card.item_id in {"inn", "lagoon"}
    assert ids(cinema.recommend("ann", k=1, diversity=0)) == ["locks"]


def test_what_a_user_knows_already_is_left_out_unless_they_ask(cinema: Recommender) -> None:
    cinema.book.add([event("comet", "buy"), event("inn", "rate", 1, value=3.0), event("lagoon", "view", 2)])
    assert not {"comet", "inn"} & set(ids(cinema.recommend("ann", k=20)))
    assert {"comet", "inn", "lagoon"} <= set(ids(cinema.recommend("ann", filters=Filters(unseen=False), k=20)))
    cinema.book.add([event("comet", "dislike", 3)])
    assert "comet" not in ids(cinema.recommend("ann", filters=Filters(unseen=False), k=20))


def test_filters_apply_before_the_ranking(cinema: Recommender) -> None:
    space = "deep space"
    assert ids(cinema.recommend("ann", space, Filters(only=("comedy",)), k=3, diversity=0))[0] in {
        "lagoon",
        "inn",
        "picnic",
    }
    assert len(cinema.recommend("ann", space, Filters(only=("comedy",)), k=3).cards) == 3
    assert ids(cinema.recommend("ann", space, Filters(price_most=10), k=1)) == ["nebula"]
    assert "cellar" not in ids(cinema.recommend("ann", "an old house", Filters(age=12), k=20))
    assert "tram" not in ids(cinema.recommend("ann", "a tram driver", k=20))
    assert "tram" in ids(cinema.recommend("ann", "a tram driver", Filters(in_stock=False), k=1))


def test_what_the_words_ask_for_filters_too_and_gives_way(cinema: Recommender) -> None:
    cheap = cinema.recommend("ann", "something in space, nothing over 10", k=20)
    assert all(card.price is not None and card.price <= 10 for card in cheap.cards)
    dear = cinema.recommend("ann", "something in space, nothing over 10", Filters(price_most=15), k=20)
    assert max(card.price or 0 for card in dear.cards) == 14
    assert "cellar" not in ids(cinema.recommend("ann", "an old house for my 12-year-old", k=20))


def test_what_is_wanted_by_name_moves_up_and_says_so(cinema: Recommender) -> None:
    plain = cinema.recommend("ann", "through deep space with a crew", k=3, diversity=0)
    wanted = cinema.recommend("ann", "calm, through deep space with a crew", k=3, diversity=0)
    assert (ids(plain)[0], ids(wanted)[0]) == ("comet", "nebula")
    assert wanted.cards[0].why[0] == "You asked for “calm”"
    less = cinema.recommend("ann", "less tense, through deep space with a crew", k=1, diversity=0)
    assert ids(less) == ["nebula"]


def test_a_wish_holds_until_it_is_taken_back(cinema: Recommender) -> None:
    house = "something in an old house"
    assert {"cellar", "attic"} <= set(ids(cinema.recommend("ann", house, k=20)))
    assert not {"cellar", "attic"} & set(ids(cinema.recommend("ann", f"{house}, no horror", k=20)))
    assert not {"cellar", "attic"} & set(ids(cinema.recommend("ann", house, k=20)))
    assert [wish.value for wish in cinema.profile("ann").wishes] == ["horror"]
    assert {"cellar", "attic"} <= set(ids(cinema.recommend("ben", house, k=20)))
    assert {"cellar", "attic"} <= set(ids(cinema.recommend("ann", "horror is fine again", k=20)))
    cinema.recommend("ann", "no horror")
    assert cinema.forget("ann", wish="horror")
    assert {"cellar", "attic"} <= set(ids(cinema.recommend("ann", house, k=20)))


def test_whoever_asks_for_it_by_name_takes_the_wish_back(cinema: Recommender) -> None:
    cinema.recommend("ann", "no horror")
    assert ids(cinema.recommend("ann", "a horror film in an old house", k=2, diversity=0)) == ["attic", "cellar"]
    assert cinema.profile("ann").wishes == ()


def test_contradictory_wishes_are_said(cinema: Recommender) -> None:
    picks = cinema.recommend("ann", "a comedy, but no comedy", k=20)
    assert picks.note == "You asked for “comedy” and against it; it is left out."
    assert picks.cards
    assert not {"lagoon", "inn", "picnic"} & set(ids(picks))


@pytest.mark.parametrize(
    ("words", "filters", "note", "closest"),
    [
        ("", Filters(price_least=50, in_stock=False), "Nothing costs 50 or more; the closest is “Tram” at 30.", "tram"),
        ("", Filters(price_most=5, only=("space",)), "costs 5 or less; the closest is “Nebula” at 9.", "nebula"),
        ("", Filters(price_most=7, price_least=6), "costs 7 or less; the closest is “Lagoon” at 7.50.", "lagoon"),
        ("", Filters(price_most=7, price_least=8), "Nothing can cost 8 or more and 7 or less.", None),
        ("over 50 and under 5", Filters(), "Nothing can cost 50 or more and 5 or less.", None),
        ("", Filters(age=3), "is said to suit age 3; the closest is “Comet” from age 6 on.", "comet"),
        ("", Filters(only=("Comdy",)), "Nothing here is “Comdy”. Did you mean “comedy”?", None),
        ("", Filters(only=("comedy", "space")), "Nothing that fits otherwise is “comedy”.", "comet"),
        ("", Filters(only=("halloran",)), "All that fits is sold out; the closest is shown.", "tram"),
        ("", Filters(only=("comedy",), avoid=("light",)), "All that fits is “light”, which you do not want.", None),
        ("no horror", Filters(only=("horror",)), "All that fits is “horror”, which you do not want.", None),
        ("", Filters(price_most=1, only=("horror", "space")), "Nothing fits all of this at once: the price", None),
    ],
)
def test_where_nothing_fits_the_closest_is_named(
    cinema: Recommender, words: str, filters: Filters, note: str, closest: str | None
) -> None:
    picks = cinema.recommend("ann", words or None, filters)
    assert (picks.cards, picks.row) == ((), "")
    assert note in picks.note
    assert (picks.closest and picks.closest.item_id) == closest


def test_whoever_knows_all_is_told(cinema: Recommender) -> None:
    cinema.book.add([event(item.id, "buy", n) for n, item in enumerate(ITEMS)])
    assert cinema.recommend("ann").note == "You know all that fits already."


def test_a_row_that_differs_more(cinema: Recommender) -> None:
    def moods(dial: float) -> set[str]:
        row = cinema.recommend("ann", "a crew in deep space", k=3, diversity=dial)
        return {str(cinema.catalogue.items[cinema.catalogue.row[one]].attributes["moods"]) for one in ids(row)}

    assert len(moods(0.8)) > len(moods(0))


def test_a_share_of_the_row_is_drawn_by_chance(file: DataFile) -> None:
    curious = recommender(file, explore=0.5)
    rows = [curious.recommend("ann", "a crew in deep space", k=3) for _ in range(60)]
    drawn = [card.item_id for row in rows for card in row.cards if card.why == (BY_CHANCE,)]
    assert 50 < len(drawn) < 130
    assert len(set(drawn)) > 6
    assert "tram" not in drawn
    assert all(len(set(ids(row))) == 3 for row in rows)
    steady = recommender(file)
    assert {card.why == (BY_CHANCE,) for card in steady.recommend("ann", "space").cards} == {False}


def test_an_event_that_names_its_row_has_its_place(cinema: Recommender) -> None:
    picks = cinema.recommend("ann", "a crew in deep space", k=4)
    [chosen] = ids(picks)[2:3]
    done = cinema.add_events(
        "ann", [{"id": "1", "item": chosen, "kind": "click", "at": 1_700_000_000, "row": picks.row}]
    )
    assert (done.added, done.rejected) == (1, ())
    [kept] = cinema.book.history(APP, "ann")
    assert (kept.position, kept.shown) == (3, tuple(ids(picks)))
    assert cinema.book.exposures(APP) == [tuple(ids(picks))]


def test_what_cannot_be_taken_is_named_and_the_rest_is_kept(cinema: Recommender) -> None:
    row = cinema.recommend("ben", k=2).row
    like = {"item": "comet", "kind": "like", "at": 1_700_000_000}
    done = cinema.add_events(
        "ann",
        [
            like | {"id": "1"},
            like | {"id": "1"},
            like | {"id": "2", "item": "gone"},
            like | {"id": "3", "row": row},
            like | {"kind": "stare"},
        ],
    )
    assert (done.added, done.known) == (1, 1)
    assert [name for name, _ in done.rejected] == ["2", "3", "5"]
    assert done.rejected[0][1] == "The catalogue has no item 'gone'."
    assert done.rejected[1][1].startswith("This user was shown no row")


def test_events_of_items_that_have_gone_are_passed_over(file: DataFile) -> None:
    before = recommender(file)
    before.book.add([event("comet", "like"), event("orbit", "like", 1)])
    after = recommender(file, [item for item in ITEMS if item.id != "comet"])
    [card] = after.recommend("ann", k=1).cards
    assert (card.item_id, card.why) == ("nebula", ("Because you liked “Orbit”",))
    assert [one.item for one in after.profile("ann").liked] == ["orbit"]


def test_similar_items(cinema: Recommender) -> None:
    assert {card.item_id for card in cinema.similar("comet", 2)} == {"orbit", "nebula"}
    assert "tram" not in [card.item_id for card in cinema.similar("ferry", 20)]
    with pytest.raises(BadInputError, match="no item 'gone'"):
        cinema.similar("gone")


def test_why_says_what_moved_the_score_and_nothing_else(cinema: Recommender) -> None:
    assert cinema.why("ann", "nebula").why == ()
    cinema.book.add([event("comet", "like"), event("ferry", "dislike", 1), event("inn", "rate", 2, value=4.5)])
    assert cinema.why("ann", "nebula").why[0] == "Because you liked “Comet”"
    assert "Because you gave “Inn” 4.5" in cinema.why("ann", "picnic").why
    assert not any("Ferry" in why for why in cinema.why("ann", "locks").why)
    cinema.forget("ann", item="comet")
    assert not any("Comet" in why for why in cinema.why("ann", "nebula").why)


def test_a_profile_is_made_of_facts(cinema: Recommender) -> None:
    liked = ["lagoon", "inn", "picnic", "comet"]
    cinema.book.add([event(item, "like", n) for n, item in enumerate(liked)])
    cinema.book.add([event("attic", "rate", 5, value=1.0), event("ferry", "view", 6), event("inn", "view", 7)])
    cinema.book.add([event("comet", "dislike", 8), event("locks", "rate", 9, value=3.0)])
    profile = cinema.profile("ann")
    assert [one.item for one in profile.liked] == ["picnic", "inn", "lagoon"]
    assert [one.item for one in profile.disliked] == ["comet", "attic"]
    assert [one.item for one in profile.looked_at] == ["ferry"]
    assert [(trait.value, trait.liked, trait.of) for trait in profile.traits] == [("comedy", 3, 3), ("light", 3, 3)]
    assert profile.events == 9
    assert cinema.forget("ann", item="inn")
    assert not cinema.forget("ann", item="inn")
    assert [one.item for one in cinema.profile("ann").liked] == ["picnic", "lagoon"]


def test_a_user_with_very_many_events_is_answered(cinema: Recommender) -> None:
    names = [item.id for item in ITEMS[3:]]
    cinema.book.add([event(names[n % len(names)], "view", n % 3600) for n in range(50_000)])
    assert len(cinema.recommend("ann", k=3).cards) == 3
    assert cinema.profile("ann").events == len({(n % len(names), n % 3600) for n in range(50_000)})


def test_of_very_many_items_those_near_are_ranked(file: DataFile) -> None:
    items = [*ITEMS, *(film(f"filler{n}", f"w{n} x{7 * n} y{13 * n}", f"z{n}") for n in range(700))]
    large = recommender(file, items, index={"flat_limit": 200})
    large.book.add([event("ferry", "like", user="ben"), event("comet", "like")])
    assert set(ids(large.recommend("ann", k=2, diversity=0))) == {"orbit", "nebula"}
    assert ids(large.recommend("cyd", "a cook opens an inn by a lagoon", k=1)) == ["lagoon"]
    assert ids(large.recommend("dee", k=1))[0] in {"ferry", "comet"}
    assert "tram" not in ids(large.recommend("cyd", "a tram driver", k=100))


def test_many_ask_and_tell_at_once(cinema: Recommender) -> None:
    def visit(n: int) -> int:
        user = f"user{n % 4}"
        picks = cinema.recommend(user, k=2)
        rows = [{"id": str(n), "item": picks.cards[0].item_id, "kind": "click", "at": 1_700_000_000, "row": picks.row}]
        return cinema.add_events(user, rows).added

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(visit, range(40))) == 40
    assert sum(cinema.book.count(APP, f"user{n}") for n in range(4)) == 40


def test_long_words_are_quoted_in_short() -> None:
    assert quoted("short") == "short"
    said = quoted("word " * 30)
    assert said.endswith("word …")
    assert len(said) <= 62
    assert quoted("x" * 90) == "x" * 60 + " …"


def test_scores_that_are_equal_do_not_depend_on_chance(cinema: Recommender) -> None:
    assert len({tuple(ids(cinema.recommend("ann", k=12, diversity=0))) for _ in range(5)}) == 1
    assert np.allclose(cinema.model.scores(), 0)
