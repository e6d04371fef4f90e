from __future__ import annotations

from dataclasses import replace

from agent.dialogue.answers import best_answers, cite, span_around
from agent.domain import Article, Domain
from index.knowledge import Hit
from tests.agent.dialogue.small_app import hit, predict

LONG = "Loans last four weeks. You may renew them twice. They cost nothing. Fines start after that. Ask at the desk."


def excerpt(found: Hit) -> str:
    return found.passage.text[slice(*span_around(found.passage.text, found.start))]


def test_the_sentence_comes_with_those_after_it() -> None:
    assert excerpt(hit(LONG)) == "Loans last four weeks. You may renew them twice. They cost nothing."


def test_a_sentence_that_leans_on_another_brings_it_along() -> None:
    assert excerpt(hit(LONG, "They cost nothing.")).startswith("You may renew them twice. They cost nothing.")


def test_long_sentences_come_alone() -> None:
    long = "A" + " word" * 80 + ". Another" + " word" * 80 + "."
    assert excerpt(hit(long, long.split(". ")[0] + ".")) == long.split(". ")[0] + "."


def test_a_row_brings_its_table() -> None:
    table = "Hours:\n\n| Day | From |\n|---|---|\n| Monday | 9 |\n| Sunday | 11 |"
    assert excerpt(hit(table, "| Sunday | 11 |")) == table.removeprefix("Hours:\n\n")


def test_the_predicted_intents_article_wins_a_near_race(domain: Domain) -> None:
    hits = [hit("Fines are small.", document="fines", score=0.6), hit(score=0.55)]
    assert best_answers(hits, domain, predict("x", "hours", 0.9))[0].hit is hits[1]
    assert best_answers(hits, domain, predict("x", "fines", 0.9))[0].hit is hits[0]


def test_of_passages_that_fit_as_well_the_one_that_was_not_quoted_comes_first(domain: Domain) -> None:
    said, new = hit(score=0.6), hit("Fines are small.", document="fines", score=0.57)
    far = hit("Fines are small.", document="fines", score=0.5)
    neither = predict("x", "loan_status", second="reserve")
    [best] = best_answers([said, new], domain, neither)
    assert best.hit is said
    assert best_answers([said, new], domain, neither, [best.key])[0].hit is new
    assert best_answers([said, far], domain, neither, [best.key])[0].hit is said
    assert best_answers([said], domain, neither, [best.key])[0].hit is said


def test_below_the_threshold_there_is_no_answer(domain: Domain) -> None:
    assert best_answers([hit(document="other", score=0.39)], domain, predict("x")) == []
    assert best_answers([], domain, predict("x")) == []


def test_an_opening_is_followed_by_the_substance_of_the_same_document(domain: Domain) -> None:
    opening = hit("We love readers.", heading=(), score=0.7)
    rest, other = hit(number=2, score=0.65), hit("Fines are small.", document="fines", score=0.69)
    answers = best_answers([opening, other, rest], domain, predict("x"))
    assert [a.hit for a in answers] == [opening, rest]
    assert len(best_answers([rest, opening], domain, predict("x", confidence=0.0))) == 2
    assert len(best_answers([hit(score=0.9), opening], domain, predict("x"))) == 1


def test_links_between_articles_lead_to_their_pages(domain: Domain) -> None:
    linked = replace(domain, articles={**domain.articles, "fines": Article("fines", "Fines", None)})
    found = hit("See [fines](fines.md), [lost](lost.md) and [us](https://library.example).")
    [answer] = best_answers([found], linked, predict("x"))
    assert answer.text == "See [fines](/knowledge/library/fines%231), lost and [us](https://library.example)."


def test_a_citation_points_at_its_sentence() -> None:
    found = hit(LONG, "They cost nothing.", document="a b")
    citation = cite(found, "library", 0.81239)
    assert citation.text[citation.start : citation.end] == citation.sentence == "They cost nothing."
    assert citation.url == f"/knowledge/library/a%20b%231?s={citation.start}-{citation.end}"
    assert citation.score == 0.8124


def test_a_citation_names_the_page() -> None:
    found = hit()
    paged = replace(found, passage=replace(found.passage, source="rules.pdf", page=3))
    assert cite(paged, "library", 0.5).source == "rules.pdf, page 3"
