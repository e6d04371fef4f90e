"""The generator against a real OpenAI-compatible server: ``transformers serve`` with a tiny model made here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch

from tests.agent.test_generator import EXTRACT, TEXT, rewrite

SAID = "Worn shoes can be returned within 30 days. We refund you 500 euros. Washed shoes cannot be returned."


def make_model(folder: Path) -> Path:
    """A two-layer Llama that has learned by heart to say SAID, whatever it is asked."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import Metaspace as Joined
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<s>", "</s>", "<unk>", *dict.fromkeys("\u2581" + word for word in SAID.split())]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.decoder = Joined()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = "{{ bos_token }}"
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(words), bos_token_id=0, eos_token_id=1, max_position_embeddings=64, **shape)
    )
    ids = torch.tensor([[0, *fast(SAID, add_special_tokens=False)["input_ids"], 1]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(80):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of the server's API, and the model's name there."""
    folder = make_model(tmp_path_factory.mktemp("generator"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--device", "cpu"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        # It starts listening once it has its model: connecting is tried again for a minute.
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.real
def test_a_real_server_is_streamed_and_its_invention_dropped(served: tuple[str, str]) -> None:
    url, model = served
    text, why, shown = rewrite(url, seconds=60, model=model)
    assert text == TEXT.replace(EXTRACT, "Worn shoes can be returned within 30 days. Washed shoes cannot be returned.")
    assert why == {"model": model, "used": True, "dropped": why["dropped"], "failed": []}
    assert len(why["dropped"]) == 1
    assert len(shown) == 3
    assert "".join(shown) == text
