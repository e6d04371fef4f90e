"""Fixtures: a tiny backbone of random weights, so that most tests need no real ones."""

from __future__ import annotations

import hashlib
import json
import string
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from agent.model.backbone import Backbone

ROOT = Path(__file__).resolve().parents[1]
# fmt: off
WORDS = [
    "the", "a", "i", "my", "you", "is", "are", "was", "where", "what", "how", "can", "not", "do", "to", "of",
    "for", "on", "it", "in", "me", "order", "parcel", "boots", "tent", "refund", "return", "shoes", "card",
    "charged", "twice", "hello", "thanks", "person", "late", "broken", "size", "wash", "open", "shop", "help",
    "please", "wrong", "money", "ship", "norway", "box", "great", "awful", "fine", "moon", "landing", "fake",
    "weather",
]
# fmt: on


def make_backbone_folder(
    folder: Path, *, pooling: str = "mean", prompts: dict[str, str] | None = None, seed: int = 0
) -> Path:
    """Write a two-layer BERT of random weights with a small vocabulary, laid out as sentence-transformers does."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = list(string.ascii_lowercase + string.digits + ".,!?'-#:")
    pieces = special + WORDS + [c for c in letters if c not in WORDS] + ["##" + c for c in letters]
    tokenizer = Tokenizer(WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps(
            {"word_embedding_dimension": 32, f"pooling_mode_{pooling}_token{'s' if pooling != 'cls' else ''}": True}
        )
    )
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                for i, (kind, path) in enumerate(kinds)
            ]
        )
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts or {}}))
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_backbone_folder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Backbone:
    """A backbone of 32 dimensions and 32 tokens; the same for the whole session, as nothing writes to it."""
    torch.set_num_threads(1)
    return Backbone.load(str(tiny_folder), device="cpu")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones last, so that a mistake shows early; at the very end those that wait for the second training."""

    def late(item: pytest.Item) -> int:
        return ("finance_data" in _fixtures(item)) * 4 + ("e2e" in item.keywords) * 2 + ("real" in item.keywords)

    items.sort(key=late)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin at once with what takes minutes and runs beside the other tests."""
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in _fixtures(item)}
    for fixture, app in (("trained_data", "support"), ("finance_data", "finance")):
        if fixture in wanted:
            _TRAININGS[app] = _TRAINER.submit(_trained, app)


def pytest_sessionfinish() -> None:
    """Whoever stops the tests does not wait for a training: it goes on where it was the next time."""
    _TRAINER.shutdown(wait=False, cancel_futures=True)
    for process in _RUNNING:
        process.terminate()


def _fixtures(item: pytest.Item) -> set[str]:
    """What a test asks for, by its arguments or by a name among its parameters."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {*getattr(item, "fixturenames", ()), *(value for value in given if isinstance(value, str))}


# One at a time: the tests need the other core.
_TRAINER = ThreadPoolExecutor(1)
_TRAININGS: dict[str, Future[Path]] = {}
_RUNNING: set[subprocess.Popen[bytes]] = set()


@pytest.fixture(scope="session")
def trained_data() -> Path:
    """A data folder with the support app trained as ``make serve`` does it; kept until code or data change."""
    return _TRAININGS["support"].result()


@pytest.fixture(scope="session")
def finance_data() -> Path:
    """The same with the finance app, and its demo stream read by that model."""
    folder = _TRAININGS["finance"].result()
    if not (folder / "apps" / "finance" / "items.db").is_file():
        _run("finance", "demo", "--data", str(folder))
    return folder


def _trained(app: str) -> Path:
    digest = hashlib.sha256()
    data = [p for pattern in ("*.jsonl", "*.toml", "*.md", "*.csv") for p in (ROOT / "apps" / app).rglob(pattern)]
    code = [p for part in ("model", "learning") for p in (ROOT / "agent" / part).glob("*.py")]
    for path in sorted([*data, *code]):
        if not {"test", "conversations"} & set(path.parts):
            digest.update(path.read_bytes())
    folder = ROOT / "tests" / ".cache" / digest.hexdigest()[:12]
    if not (folder / "models" / app / "aliases.json").is_file():
        _run("train", app, "--data", str(folder))
    return folder


def _run(*command: str) -> None:
    """Raises CalledProcessError if the command fails."""
    process = subprocess.Popen([sys.executable, "-m", "agent.cli", *command], cwd=ROOT)
    _RUNNING.add(process)
    code = process.wait()
    _RUNNING.discard(process)
    if code:
        raise subprocess.CalledProcessError(code, command)
