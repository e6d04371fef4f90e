"""Accuracy and macro-F1 on twitter_financial_news valid of a sentiment head trained on its train split.

All settings were chosen on parts of the train file: valid is read once, at the end.
"""

from __future__ import annotations

from sklearn.metrics import f1_score

from agent.learning.data import Dataset
from agent.learning.train import TrainSettings
from agent.model.adapters import AdapterConfig
from agent.types import SENTIMENTS, Example
from apps.finance.columns import plain
from apps.finance.windows import legible
from tests.bench import data, finance_model
from tests.bench.result import Result

TARGET, TARGET_F1 = 0.875, 0.835
SETTINGS = TrainSettings(epochs=1 if data.QUICK else 3, learning_rate=7e-4, pairs=0.0, distillation=0.0)
ADAPTER = AdapterConfig(rank=32, alpha=64.0, dropout=0.0)


def measure() -> Result:
    """The figure is the accuracy."""
    train, valid = _examples("train"), _examples("valid")
    if data.QUICK:
        train, valid = train[::20], valid[::20]
    # A few texts stand twice in the file, some with two labels: the first counts.
    model = finance_model.fitted(Dataset(tuple({e.text: e for e in reversed(train)}.values())), SETTINGS, ADAPTER)
    found = finance_model.probabilities([e.text for e in valid], model).argmax(-1).tolist()
    truth = [SENTIMENTS.index(str(e.sentiment)) for e in valid]
    figure = sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth)
    f1 = float(f1_score(truth, found, average="macro"))
    detail = {
        "macro-F1": f1,
        "target, macro-F1": TARGET_F1,
        "frozen probe": 0.787,
        "frozen probe, macro-F1": 0.701,
        "TF-IDF floor": 0.830,
        "TF-IDF floor, macro-F1": 0.754,
    }
    return Result("finance_sentiment", figure, TARGET, figure >= TARGET and f1 >= TARGET_F1, detail)


def _examples(name: str) -> list[Example]:
    """The rows of a split as the app reads them."""
    return [
        Example(legible(plain(row["text"])), sentiment=SENTIMENTS[finance_model.LABELS.index(row["label_name"])])
        for row in data.table(f"twitter_financial_news/{name}.csv")
    ]
