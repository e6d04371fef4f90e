"""What to say when no item fits: which wish alone rules all others out, and the item that misses it by the least."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from agent.catalogue import Catalogue, Filters, Mask, Numbers
from agent.reasons import card_of
from agent.types import Card

_FIRST = ("avoid", "unseen", "undisliked", "price_most", "price_least", "age", "in_stock", "only")
"""The filters in the order in which they are blamed: the user's standing wishes before what they asked for now."""
_NAMES = {
    "price_most": "the price",
    "price_least": "the price",
    "age": "the age",
    "in_stock": "what is in stock",
    "unseen": "what you do not know yet",
    "undisliked": "what you did not dislike",
}


def nothing_fits(catalogue: Catalogue, masks: Mapping[str, Mask], asked: Filters) -> tuple[str, Card | None]:
    """Why no item passes all of ``masks`` (by the filters' names), and the closest, if one can be offered."""
    least, most = asked.price_least, asked.price_most
    if least is not None and most is not None and least > most:
        return f"Nothing can cost {money(least)} or more and {money(most)} or less.", None
    for name in sorted(masks, key=lambda name: _FIRST.index(name.partition(":")[0])):
        others = np.ones(len(catalogue), np.bool_)
        for other, mask in masks.items():
            others &= mask | (other == name)
        if others.any():
            return _because_of(name, catalogue, others, asked)
    names = dict.fromkeys(_NAMES.get(name) or f"“{name.partition(':')[2]}”" for name in masks)
    return f"Nothing fits all of this at once: {', '.join(names)}. Leave one of them out.", None


def _because_of(name: str, catalogue: Catalogue, others: Mask, asked: Filters) -> tuple[str, Card | None]:
    """What to say if all that fits otherwise (``others``, one at least) fails at that one filter."""
    kind, _, value = name.partition(":")
    match kind:
        case "price_most":
            return _least(catalogue, others, catalogue.prices, f"costs {money(asked.price_most)} or less")
        case "price_least":
            return _least(catalogue, others, -catalogue.prices, f"costs {money(asked.price_least)} or more")
        case "age":
            return _least(catalogue, others, catalogue.ages, f"is said to suit age {asked.age:g}")
        case "only" if value.casefold() not in catalogue.values:
            near = difflib.get_close_matches(value.casefold(), catalogue.values, n=1)
            return f"Nothing here is “{value}”." + (f" Did you mean “{near[0]}”?" if near else ""), None
        case "only":
            return f"Nothing that fits otherwise is “{value}”.", _card(catalogue, others)
        case "avoid":
            return f"All that fits is “{value}”, which you do not want.", None
        case "in_stock":
            return "All that fits is sold out; the closest is shown.", _card(catalogue, others)
        case "unseen":
            return "You know all that fits already.", None
        case _:
            return "All that fits is what was not for you.", None


def _least(catalogue: Catalogue, others: Mask, figures: Numbers, wanted: str) -> tuple[str, Card | None]:
    """The item of ``others`` with the least figure (N,), which is NaN where it is not known."""
    known = np.where(others, figures, np.nan)
    if np.isnan(known).all():
        return f"Nothing that fits otherwise {wanted}, as far as is known.", None
    row = int(np.nanargmin(known))
    item = catalogue.items[row]
    figure = f"from age {figures[row]:g} on" if figures is catalogue.ages else f"at {money(item.price)}"
    nothing = "Nothing" if others.all() else "Nothing that fits otherwise"
    return f"{nothing} {wanted}; the closest is “{item.title}” {figure}.", card_of(item)


def _card(catalogue: Catalogue, others: Mask) -> Card:
    return card_of(catalogue.items[int(np.flatnonzero(others)[0])])


def money(amount: float | None) -> str:
    """Such as "7.50" and "20"; the currency is the catalogue's affair."""
    return f"{amount:.2f}".removesuffix(".00")
