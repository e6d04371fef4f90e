"""Ways to adapt an encoder without writing to the backbone: one function attaches, one merges.

``lora``, ``dora`` and ``adalora`` come from peft. ``bottleneck`` (Houlsby et al. 2019, in the placement of
Pfeiffer et al. 2021: one after each feed-forward block) is ours, since peft has none. ``full`` trains
every weight on a copy; ``none`` trains the heads alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from agent.errors import ConfigError
from agent.model.backbone import Backbone

Method = Literal["lora", "dora", "adalora", "bottleneck", "full", "none"]


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    method: Method = "lora"
    rank: int = 16
    """Rank of LoRA's matrices (AdaLoRA: mean rank after pruning), or width of a bottleneck."""
    alpha: float = 32.0
    dropout: float = 0.05

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ConfigError(f"Unknown adapter method '{self.method}'. Available: {', '.join(get_args(Method))}.")
        if self.rank < 1:
            raise ConfigError(f"Adapter rank must be 1 or more, not {self.rank}.")


class Bottleneck(nn.Module):
    """Down-projection, GELU, up-projection, added to its input. Starts as the identity."""

    def __init__(self, inner: nn.Module, dimension: int, width: int, dropout: float) -> None:
        super().__init__()
        self.inner = inner
        self.down = nn.Linear(dimension, width)
        self.up = nn.Linear(width, dimension)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        result = self.inner(*args, **kwargs)
        states = result[0] if isinstance(result, tuple) else result
        adapted = states + self.up(nn.functional.gelu(self.down(self.dropout(states))))
        return (adapted, *result[1:]) if isinstance(result, tuple) else adapted


class AdaptedEncoder(nn.Module):
    """A branch of the backbone with an adapter on it.

    Only tensors of the adapter require a gradient (with ``full``, all of the branch, which then owns
    its copies).
    """

    def __init__(self, backbone: Backbone, config: AdapterConfig, total_steps: int = 1000) -> None:
        super().__init__()
        self.config = config
        branch = backbone.branch()
        self._ranks: Any = None
        if config.method in {"lora", "dora", "adalora"}:
            self.encoder = self._with_peft(branch, total_steps)
        elif config.method == "bottleneck":
            for layer in _layers(branch):
                layer.output = Bottleneck(layer.output, backbone.dimension, config.rank, config.dropout)  # type: ignore[arg-type]
            self.encoder = branch.to(backbone.device)
        else:
            if config.method == "full":
                _own_parameters(branch, requires_grad=True)
            self.encoder = branch

    def _with_peft(self, branch: nn.Module, total_steps: int) -> nn.Module:
        from peft import AdaLoraConfig, LoraConfig, get_peft_model

        shared: dict[str, Any] = {
            "lora_alpha": self.config.alpha,
            "lora_dropout": self.config.dropout,
            "target_modules": "all-linear",
        }
        if self.config.method == "adalora":
            settings = AdaLoraConfig(
                init_r=self.config.rank * 3 // 2,
                target_r=self.config.rank,
                tinit=max(1, total_steps // 10),
                tfinal=max(1, total_steps // 3),
                deltaT=max(1, total_steps // 100),
                total_step=max(4, total_steps),
                **shared,
            )
        else:
            settings = LoraConfig(r=self.config.rank, use_dora=self.config.method == "dora", **shared)
        adapted = get_peft_model(branch, settings)
        if self.config.method == "adalora":
            self._ranks = adapted.base_model
        # The peft wrapper only forwards; its inner model has the adapter in place already.
        inner: nn.Module = adapted.base_model.model
        return inner

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, T), (B, T) -> token states (B, T, D)."""
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]

    def adapter_state(self) -> dict[str, Tensor]:
        """The tensors that this adapter adds or owns, by name."""
        return {
            name: tensor.detach()
            for name, tensor in self.encoder.state_dict(keep_vars=True).items()
            if tensor.requires_grad or "ranknum" in name  # AdaLoRA's budget is a frozen parameter
        }

    @torch.no_grad()
    def load_adapter_state(self, state: dict[str, Tensor]) -> None:
        """Put back what ``adapter_state`` gave. Raises KeyError or RuntimeError if names or shapes differ."""
        own = self.adapter_state()
        if set(own) != set(state):
            raise KeyError(f"adapter tensors differ: {sorted(set(own) ^ set(state))[:3]}")
        for name, tensor in own.items():
            tensor.copy_(state[name])

    def regulariser(self) -> Tensor | None:
        """AdaLoRA's orthogonality term (Zhang et al. 2023, equation 4); None for other methods."""
        if self._ranks is None:
            return None
        terms = []
        for name, p in self.encoder.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                gram = p @ p.T if "lora_A" in name else p.T @ p
                terms.append((gram - torch.eye(len(gram), device=gram.device)).norm())
        return torch.stack(terms).mean()

    def after_step(self, step: int) -> None:
        """To be called between backward and zero_grad of each step: AdaLoRA moves its rank budget then."""
        if self._ranks is not None:
            self._ranks.update_and_allocate(step)

    @torch.no_grad()
    def merge(self) -> None:
        """Fold a LoRA adapter into weights of this branch's own; others stay as they are.

        Embeddings, norms and biases remain shared with the backbone.
        """
        from peft.tuners.tuners_utils import BaseTunerLayer

        for parent in list(self.encoder.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, BaseTunerLayer):
                    base = child.get_base_layer()
                    base.weight = nn.Parameter(base.weight.clone(), requires_grad=False)
                    child.merge()
                    setattr(parent, name, base)
        self._ranks = None
        self.encoder.requires_grad_(False)


def _own_parameters(module: nn.Module, requires_grad: bool) -> None:
    for child in module.modules():
        for name, p in child.named_parameters(recurse=False):
            setattr(child, name, nn.Parameter(p.detach().clone(), requires_grad=requires_grad))


def _layers(encoder: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a BERT-like encoder. Raises ConfigError for another layout."""
    stack = getattr(getattr(encoder, "encoder", None), "layer", None)
    if stack is None or not all(hasattr(block, "output") for block in stack):
        raise ConfigError(
            f"Adapter method 'bottleneck' needs a BERT-like encoder; {type(encoder).__name__} is laid out otherwise. "
            "Use lora."
        )
    return list(stack)
