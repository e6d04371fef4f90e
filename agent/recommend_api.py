"""The API's part for recommendations, under /v1: events in, rows of items out, and what is known of a user."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from agent import recommend_schema as schema
from agent.catalogue import Filters
from agent.database import now
from agent.errors import BadInputError, UnknownAppError
from agent.event_rows import MOST_ID, named_user
from agent.identity import client_of
from agent.problems import NotAllowedError, of_status
from agent.recommend import DIVERSITY, MOST_K, K
from agent.recommend_schema import EventsIn
from agent.schema import problems
from agent.service import RecommenderService, Service
from agent.text import clean

MOST_VALUES = 20

AppOf = Annotated[str | None, Query(max_length=100, description="Default: the first app with items.")]
UserOf = Annotated[
    str | None,
    Query(min_length=1, max_length=MOST_ID, description="With an API key: whom it is about; else the client itself."),
]
Many = Annotated[int, Query(ge=1, le=MOST_K, description="Most items to return.")]
Price = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]
Values = Annotated[list[str], Query(max_length=MOST_VALUES, description="Words of an item's attributes, in any case.")]


def add_recommendations(router: APIRouter, agent: Service) -> None:
    """Add the routes to the router of /v1."""
    tags: Any = ["recommendations"]

    def of_app(app: str | None) -> tuple[str, RecommenderService]:
        """Raises UnknownAppError, and BadInputError if the app has no items."""
        if app is not None and app not in agent.domains:
            raise UnknownAppError(app, list(agent.domains))
        name = app or next(iter(agent.recommenders), None)
        if name is None or name not in agent.recommenders:
            having = ", ".join(sorted(agent.recommenders)) or "none"
            raise BadInputError("no_items", f"App '{name or ''}' has no items. Apps that have: {having}.")
        return name, agent.recommenders[name]

    def whose(request: Request, user: str | None) -> str:
        """Raises NotAllowedError if a user is named without a key: anybody could read anybody's profile."""
        client = client_of(request)
        if user is None:
            return client.id
        if not client.by_key:
            raise NotAllowedError(of_status(401))
        return named_user(user)

    @router.post(
        "/events",
        tags=tags,
        summary="Tell what a user did with items",
        response_model=schema.AddedOut,
        responses=problems(404, 507),
    )
    def events(body: EventsIn, request: Request) -> dict[str, Any]:
        """The next recommendation has learned from them. They may come late, in any order and more than once; one that
        cannot be taken is named in `rejected`, and keeps none of the others out."""
        _, recommender = of_app(body.app)
        rows = [{"at": now()} | event.model_dump(exclude_none=True) for event in body.events]
        return schema.added_json(recommender.add_events(whose(request, body.user), rows))

    @router.get(
        "/recommendations",
        tags=tags,
        summary="Items for a user",
        response_model=schema.PicksOut,
        responses=problems(404, 507),
    )
    def recommendations(
        request: Request,
        app: AppOf = None,
        user: UserOf = None,
        words: Annotated[str | None, Query(description="What the user says now, such as `something light`.")] = None,
        k: Many = K,
        price_least: Price = None,
        price_most: Price = None,
        age: Annotated[float | None, Query(ge=0, le=150, description="Years of whom it is for.")] = None,
        only: Values = [],  # noqa: B006 (FastAPI copies it)
        avoid: Values = [],  # noqa: B006
        in_stock: Annotated[bool, Query(description="Leave out what is sold out.")] = True,
        unseen: Annotated[bool, Query(description="Leave out what the user liked, bought or rated already.")] = True,
        diversity: Annotated[
            float, Query(ge=0, le=1, description="0 takes the best alone, 1 those that differ most.")
        ] = DIVERSITY,
    ) -> dict[str, Any]:
        """By what the user did and by what they say now; for a newcomer who says nothing, what most people like.

        Filters apply before the ranking. `words` may set them too ("nothing over 20, for my 12-year-old"), where they
        are not given; what they speak against ("no horror") is kept and holds until it is taken back. That the row was
        shown is kept with its order.
        """
        if price_least is not None and price_most is not None and price_least > price_most:
            raise BadInputError("contradiction", "price_least is above price_most, so that no item can fit.")
        _, recommender = of_app(app)
        filters = Filters(price_least, price_most, age, tuple(only), tuple(avoid), in_stock, unseen)
        said = clean(words, agent.settings.max_message_chars) if words and words.strip() else None
        picks = recommender.recommend(whose(request, user), said, filters, k, diversity=diversity)
        return schema.picks_json(picks)

    @router.get(
        "/items/{item_id:path}/similar",
        tags=tags,
        summary="Items near another",
        response_model=schema.CardsOut,
        responses=problems(404),
    )
    def similar(item_id: str, app: AppOf = None, k: Many = K) -> dict[str, Any]:
        """The nearest first, those that are sold out left out."""
        _, recommender = of_app(app)
        return {"cards": [schema.card_json(card) for card in recommender.similar(item_id, k)]}

    @router.get(
        "/items/{item_id:path}/why",
        tags=tags,
        summary="Why an item suits a user",
        response_model=schema.CardOut,
        responses=problems(404),
    )
    def why(item_id: str, request: Request, app: AppOf = None, user: UserOf = None) -> dict[str, Any]:
        """What of the user's events moves it up, found by leaving each out; empty if nothing does."""
        _, recommender = of_app(app)
        return schema.card_json(recommender.why(whose(request, user), item_id))

    @router.get(
        "/profile",
        tags=tags,
        summary="What is known of a user's taste",
        response_model=schema.ProfileOut,
        responses=problems(404),
    )
    def profile(request: Request, app: AppOf = None, user: UserOf = None) -> dict[str, Any]:
        """What they liked, disliked and looked at, the latest first; what their likes have in common; what they do not
        want."""
        _, recommender = of_app(app)
        return schema.profile_json(recommender.profile(whose(request, user)))

    @router.delete(
        "/profile",
        tags=tags,
        summary="Forget a user's taste, or a part of it",
        status_code=204,
        responses=problems(404, 409, 507),
    )
    def forget(
        request: Request,
        app: AppOf = None,
        user: UserOf = None,
        item: Annotated[str | None, Query(max_length=MOST_ID, description="Only what was done with this item.")] = None,
        wish: Annotated[str | None, Query(max_length=MOST_ID, description="Only this wish, by its `value`.")] = None,
    ) -> None:
        """Without `item` and `wish` all of it, in the database and in its backups. The conversations stay."""
        name, recommender = of_app(app)
        owner = whose(request, user)
        if item is None and wish is None:
            agent.erase_profile(name, owner, client_of(request).id)
        else:
            recommender.forget(owner, item=item, wish=wish)
