"""Attribution: how far the intent's probability falls without the three words that weighed most, against three others.

On messages of the support app's test split with at least MIN_WORDS words that the model understands; the method has
no figure that could be tuned.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from agent.model.occlusion import leave_out, weigh
from agent.teach import frozen_test
from tests.bench import support
from tests.bench.data import QUICK
from tests.bench.result import Result

TARGET = 3.0
WORDS = 3
MIN_WORDS = 6
DRAWS = 10
"""Random triples a message."""
MOST_PIECES = 64


def measure() -> Result:
    model, index, domain = support.trained(support.settings())
    test = frozen_test(domain, index)
    examples = [e for e in test.in_scope if MIN_WORDS <= len(e.text.split()) <= MOST_PIECES]
    if QUICK:
        examples = examples[:20]
    predictions = model.predict([e.text for e in examples])
    understood = [(p.text, e.intent) for p, e in zip(predictions, examples, strict=True) if p.intent == e.intent]
    draw = random.Random(0)
    ours: list[float] = []
    theirs: list[float] = []
    for text, intent in understood:

        def probabilities(texts: Sequence[str], intent: str | None = intent) -> list[float]:
            ranked = [{r.name: r.confidence for r in p.intents} for p in model.predict(texts)]
            return [of_text[intent or ""] for of_text in ranked]

        spans = [(p.start, p.end, p.weight) for p in weigh(text, probabilities, MOST_PIECES)]
        best = sorted(spans, key=lambda span: -span[2])[:WORDS]
        triples = [best, *(draw.sample(spans, WORDS) for _ in range(DRAWS))]
        texts = [leave_out(text, [(start, end) for start, end, _ in triple]) for triple in triples]
        whole, without_best, *without_others = probabilities([text, *texts])
        ours.append(whole - without_best)
        theirs.append(whole - float(np.mean(without_others)))
    fall, other = float(np.mean(ours)), float(np.mean(theirs))
    detail = {"fall, three top words": fall, "fall, three random words": other, "messages": len(understood)}
    return Result("why", fall / other, TARGET, fall >= TARGET * other, detail)
