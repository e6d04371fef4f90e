"""The support app on its own test split: intents understood, and the right article first for questions."""

from __future__ import annotations

from pathlib import Path

from agent.apps import PASSAGES, open_index
from agent.config import Settings
from agent.dialogue.answers import fit
from agent.domain import Domain
from agent.learning.evaluate import evaluate_model
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.model.multitask import MultiTaskModel
from agent.model.storage import read_manifest
from agent.teach import dataset_of, documents_of, domain_of, frozen_test, load_champion, teach_app
from agent.types import Prediction
from index.knowledge import Hit, KnowledgeIndex
from tests.bench.data import QUICK
from tests.bench.result import Result

APP = "support"
INTENT_TARGET, ARTICLE_TARGET = 0.90, 0.85


def settings() -> Settings:
    """A data folder of the bench's own, apart from the one that is served."""
    folder = Path(__file__).parent / ".cache" / ("support-quick" if QUICK else "support")
    return Settings.load(env={}, data=folder)


def _first_document(hits: list[Hit], domain: Domain, prediction: Prediction) -> str:
    """The document that the service would answer from, its threshold aside."""
    best = max(hits, key=lambda hit: fit(hit, domain, prediction))
    return best.passage.document_id


def trained(where: Settings) -> tuple[MultiTaskModel, KnowledgeIndex, Domain]:
    """The model of the app's present examples, trained with the default recipe if that was not done yet."""
    domain = domain_of(where, APP)
    champion = ModelRegistry(where.data, APP).champion()
    if champion is not None:
        model = load_champion(where, APP)
        index = open_index(domain, where.data, model.backbone)
        if read_manifest(champion)["data"]["hash"] == dataset_of(domain, index, domain.folder).hash():
            return model, index, domain
    teach_app(where, APP, recipe(epochs=1) if QUICK else recipe(), fresh=False, promote=True)
    model = load_champion(where, APP)
    return model, open_index(domain, where.data, model.backbone), domain


def measure() -> Result:
    """Read the test split with the trained model."""
    model, index, domain = trained(settings())
    test = frozen_test(domain, index)
    report = evaluate_model(model, test, documents_of(index))
    questions = [e for e in test.questions if e.document]
    predictions = model.predict([e.text for e in questions])
    first = [_first_document(index.search(p.text, p.query_vector, PASSAGES), domain, p) for p in predictions]
    articles = sum(f == e.document for f, e in zip(first, questions, strict=True)) / len(questions)
    frozen = model.backbone.encode([e.text for e in questions], prompt="query")
    plain = [
        index.search(e.text, v, 1)[0].passage.document_id == e.document for e, v in zip(questions, frozen, strict=True)
    ]
    examples = [e for e in test.in_scope if e.document is None]
    read = model.predict([e.text for e in examples])
    understood = sum(p.intent == e.intent for p, e in zip(read, examples, strict=True)) / len(examples)
    detail = {
        "right article first": articles,
        "right article first, target": ARTICLE_TARGET,
        "right article first, frozen query": sum(plain) / len(plain),
        "intent accuracy, questions counted in": report.intent.accuracy if report.intent else 0.0,
        "intent macro-F1": report.intent.f1 if report.intent else 0.0,
        "calibration error": report.intent.ece if report.intent else 0.0,
        "sentiment accuracy": report.sentiment.accuracy if report.sentiment else 0.0,
        "out-of-scope AUROC": report.out_of_scope.auroc if report.out_of_scope else 0.0,
        "out-of-scope recall": report.out_of_scope.recall if report.out_of_scope else 0.0,
        "understood but refused": report.out_of_scope.understood_lost if report.out_of_scope else 0.0,
    }
    return Result(
        "support", understood, INTENT_TARGET, understood >= INTENT_TARGET and articles >= ARTICLE_TARGET, detail
    )
