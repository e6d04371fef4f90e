from __future__ import annotations

import pytest

from agent.wishes import Said, read_wishes

VALUES = {"horror", "comedy", "light", "grim", "science fiction", "romance", "thriller", "war", "violent"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No horror, please", Said(avoid=("horror",))),
        ("something light, nothing over 20 euro", Said(want=("light",), price_most=20)),
        ("I don’t want any more horror or thrillers", Said(avoid=("horror", "thriller"))),
        ("no horror, war or romance", Said(avoid=("horror", "romance", "war"))),
        ("not horror, a comedy", Said(avoid=("horror",), want=("comedy",))),
        ("no horror and a light comedy", Said(avoid=("horror",), want=("comedy", "light"))),
        ("nothing too violent", Said(avoid=("violent",))),
        ("horror is fine again", Said(allow=("horror",))),
        ("horror is not fine", Said(want=("horror",))),
        ("like Dune but less grim, for my 12-year-old", Said(less=("grim",), age=12)),
        ("more science-fiction under €15.50", Said(want=("science fiction",), price_most=15.5)),
        ("a comedy, but no comedy", Said(avoid=("comedy",), torn=("comedy",))),
        ("she is 9 and hates horror", Said(avoid=("horror",), age=9)),
        ("no romance. A thriller for at most 12", Said(avoid=("romance",), want=("thriller",), price_most=12)),
        ("thrillers over 10", Said(want=("thriller",), price_least=10)),
        ("no more than 20", Said(price_most=20)),
        ("for 8 years and over 2 hours", Said()),
        ("a film from under 90 minutes", Said()),
        ("", Said()),
    ],
)
def test_what_a_message_says(text: str, said: Said) -> None:
    assert read_wishes(text, VALUES) == said
