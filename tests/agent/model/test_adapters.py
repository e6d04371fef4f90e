from __future__ import annotations

from typing import get_args

import pytest
import torch

from agent.errors import ConfigError
from agent.model.adapters import AdaptedEncoder, AdapterConfig, Method
from agent.model.backbone import Backbone

METHODS = get_args(Method)


def states(encoder: AdaptedEncoder, backbone: Backbone) -> torch.Tensor:
    batch = backbone.tokenize(["where is my parcel", "hello"])
    with torch.no_grad():
        return encoder.eval()(batch.ids, batch.mask)


def disturb(encoder: AdaptedEncoder) -> None:
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in encoder.adapter_state().values():
            tensor.add_(0.05 * torch.randn_like(tensor))


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_starts_as_the_identity_and_leaves_the_backbone_alone(tiny: Backbone, method: Method) -> None:
    plain = states(AdaptedEncoder(tiny, AdapterConfig("none")), tiny)
    before = {name: p.clone() for name, p in tiny.encoder.named_parameters()}
    encoder = AdaptedEncoder(tiny, AdapterConfig(method, rank=4))
    assert torch.allclose(states(encoder, tiny), plain, atol=1e-6)
    disturb(encoder)
    changed = not torch.allclose(states(encoder, tiny), plain, atol=1e-4)
    encoder.merge()
    assert changed == (method != "none")
    assert all(torch.equal(before[name], p) for name, p in tiny.encoder.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_state_round_trip_and_merge_give_the_same_states(tiny: Backbone, method: Method) -> None:
    encoder = AdaptedEncoder(tiny, AdapterConfig(method, rank=4))
    disturb(encoder)
    wanted = states(encoder, tiny)
    copy = AdaptedEncoder(tiny, AdapterConfig(method, rank=4))
    copy.load_adapter_state({name: tensor.clone() for name, tensor in encoder.adapter_state().items()})
    assert torch.equal(states(copy, tiny), wanted)
    copy.merge()
    assert torch.allclose(states(copy, tiny), wanted, atol=1e-5)
    assert not any(p.requires_grad for p in copy.parameters())


def test_a_merged_lora_shares_embeddings_with_the_backbone(tiny: Backbone) -> None:
    encoder = AdaptedEncoder(tiny, AdapterConfig(rank=4))
    encoder.merge()
    shared = {p.data_ptr() for p in tiny.encoder.parameters()}
    own = sum(p.numel() for p in encoder.parameters() if p.data_ptr() not in shared)
    linear = sum(m.weight.numel() for m in tiny.encoder.modules() if isinstance(m, torch.nn.Linear))
    assert own == linear


def test_state_of_another_shape_is_refused(tiny: Backbone) -> None:
    other = AdaptedEncoder(tiny, AdapterConfig("bottleneck", rank=4)).adapter_state()
    with pytest.raises(KeyError, match="adapter tensors differ"):
        AdaptedEncoder(tiny, AdapterConfig(rank=4)).load_adapter_state(other)


def test_an_unknown_method_lists_those_there() -> None:
    with pytest.raises(ConfigError, match="lora, dora, adalora"):
        AdapterConfig("prefix")  # type: ignore[arg-type]
