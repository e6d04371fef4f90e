"""Makes prices.csv, the daily prices beside the demo stream. Run it in this folder: python make_prices.py

The prices are invented. price_path.csv holds what must hold of them, because items of the stream speak of it:

    close   the closing price of that day, in dollars
    move    the change of that day from the close before, in percent

All other days are a random walk whose volatility clusters (GARCH with a normal shock; a move raises it, and it
decays over about two weeks). Between two given closes the walk is tilted by the same amount on each free day, so that
it ends where it must. The seed is fixed: the same file comes out each time.
"""

import csv
import math
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

FIRST, LAST = date(2025, 5, 1), date(2026, 10, 30)
SEED = 20260511
# Days in the period on which the exchange is closed.
HOLIDAYS = {
    *(date(2025, 5, 26), date(2025, 6, 19), date(2025, 7, 4), date(2025, 9, 1), date(2025, 11, 27), date(2025, 12, 25)),
    *(date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 4, 3), date(2026, 5, 25), date(2026, 6, 19)),
    *(date(2026, 7, 3), date(2026, 9, 7)),
}
# Ticker: volatility of a quiet year in percent, shares traded on a quiet day in millions.
CALM = {
    "HLXN": (27, 3.1),
    "QRTZ": (32, 2.4),
    "HRBR": (17, 4.2),
    "ALDG": (16, 1.9),
    "ORCH": (13, 5.5),
    "VTRA": (34, 6.8),
    "NRVN": (46, 1.6),
    "MDWK": (18, 1.4),
    "PLAG": (24, 7.5),
    "CLDN": (29, 5.9),
    "MWND": (28, 8.1),
    "TLVR": (22, 2.2),
}
# GARCH(1,1): the weight of yesterday's squared change, of yesterday's variance; the rest goes to the calm variance.
SHOCK, MEMORY = 0.1, 0.87
# The daily volatility never exceeds so many times the calm one.
CEILING = 1.7


def sessions() -> list[date]:
    """The days on which the exchange is open, from FIRST to LAST."""
    days = (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]


def read_path(file: Path) -> dict[str, dict[str, dict[date, float]]]:
    """{ticker: {"close" or "move": {day: value}}}; a day on which the exchange is closed is a ValueError."""
    days = set(sessions())
    path: dict[str, dict[str, dict[date, float]]] = {ticker: {"close": {}, "move": {}} for ticker in CALM}
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            day = date.fromisoformat(row["date"])
            if day not in days:
                raise ValueError(
                    f"{file.name}: {row['ticker']} has a {row['kind']} on {day}, when no shares are traded."
                )
            path[row["ticker"]][row["kind"]][day] = float(row["value"])
    return path


def changes(
    days: list[date], move: dict[date, float], calm: float, chance: random.Random
) -> tuple[list[float], list[float]]:
    """Logarithmic changes, and the daily volatility under which each was drawn; both of shape (days,)."""
    variance = calm**2
    drawn, volatility = [], []
    for day in days:
        deviation = min(math.sqrt(variance), CEILING * calm)
        change = math.log1p(move[day] / 100) if day in move else chance.gauss(0, deviation)
        variance = (1 - SHOCK - MEMORY) * calm**2 + SHOCK * change**2 + MEMORY * deviation**2
        drawn.append(change)
        volatility.append(deviation)
    return drawn, volatility


def closes(days: list[date], drawn: list[float], close: dict[date, float], move: dict[date, float]) -> list[float]:
    """The drawn changes, tilted on their free days so that every given close is met; shape: (days,)."""
    prices = [close[days[0]]]
    given = [number for number, day in enumerate(days) if day in close]
    for start, end in pairwise(given):
        segment = range(start + 1, end + 1)
        free = [number for number in segment if days[number] not in move]
        missing = math.log(close[days[end]] / close[days[start]]) - sum(drawn[number] for number in segment)
        if not free:
            raise ValueError(f"No free day between {days[start]} and {days[end]} to reach {close[days[end]]}.")
        for number in segment:
            tilt = missing / len(free) if days[number] not in move else 0.0
            prices.append(prices[-1] * math.exp(drawn[number] + tilt))
    return prices


def bars(ticker: str, path: dict[str, dict[date, float]]) -> Iterator[tuple[str, str, str, str, str, str, int]]:
    """One row of prices.csv a session: date, ticker, open, high, low, close, volume."""
    chance = random.Random(f"{SEED} {ticker}")
    year, shares = CALM[ticker]
    calm = year / 100 / math.sqrt(252)
    days = sessions()
    drawn, volatility = changes(days, path["move"], calm, chance)
    prices = closes(days, drawn, path["close"], path["move"])
    before = prices[0]
    for day, close, deviation in zip(days, prices, volatility, strict=True):
        change = math.log(close / before)
        # News out of hours is in the first price; on other days the night brings a third of the volatility.
        night = 0.8 * change if day in path["move"] else chance.gauss(0.3 * change, 0.35 * deviation)
        opened = before * math.exp(night)
        high = max(opened, close) * math.exp(abs(chance.gauss(0, 0.45 * deviation)))
        low = min(opened, close) * math.exp(-abs(chance.gauss(0, 0.45 * deviation)))
        busy = min(0.3 * abs(change) / calm, 2.2)
        volume = round(shares * 1e6 * math.exp(busy - 0.25 + chance.gauss(0, 0.22)), -2)
        yield day.isoformat(), ticker, f"{opened:.2f}", f"{high:.2f}", f"{low:.2f}", f"{close:.2f}", int(volume)
        before = close


def main() -> None:
    """Writes prices.csv beside this file, sorted by date, then ticker."""
    folder = Path(__file__).parent
    path = read_path(folder / "price_path.csv")
    rows = sorted(row for ticker in CALM for row in bars(ticker, path[ticker]))
    with (folder / "prices.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", "ticker", "open", "high", "low", "close", "volume"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
