"""LoRA merged is the same function as LoRA added."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clibd_cli.models.lora import merge_lora


def linear(x: torch.Tensor, state: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    bias = state.get(f"{name}.bias")
    return torch.nn.functional.linear(x, state[f"{name}.weight"], bias)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), width=st.sampled_from([4, 12]), rank=st.integers(1, 5))
def test_merged_projection_gives_the_outputs_of_the_adapted_one(
    seed: int, width: int, rank: int
) -> None:
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    fused = "blocks.3.attn.qkv"
    state = {
        f"{fused}.qkv.weight": random(3 * width, width),
        f"{fused}.qkv.bias": random(3 * width),
    }
    for part in "qv":
        state[f"{fused}.linear_a_{part}.weight"] = random(rank, width)
        state[f"{fused}.linear_b_{part}.weight"] = random(width, rank)
    x = random(5, width)
    merged = merge_lora(state)
    assert merged.keys() == {f"{fused}.weight", f"{fused}.bias"}
    # The official forward pass: query is the first third of the outputs, value the last.
    expected = linear(x, state, f"{fused}.qkv")
    for part, columns in (("q", slice(0, width)), ("v", slice(2 * width, None))):
        low = linear(x, state, f"{fused}.linear_a_{part}")
        expected[:, columns] += linear(low, state, f"{fused}.linear_b_{part}")
    torch.testing.assert_close(linear(x, merged, fused), expected, rtol=1e-4, atol=1e-4)


def test_other_tensors_pass_unchanged() -> None:
    state = {"norm.weight": torch.ones(3), "blocks.0.attn.qkv.weight": torch.ones(9, 3)}
    merged = merge_lora(state)
    assert merged.keys() == state.keys()
    assert all(merged[name] is state[name] for name in state)


def test_inputs_are_left_as_they_were() -> None:
    stem = "encoder.layer.0.attention.self.value"
    state = {
        f"{stem}.w.weight": torch.ones(2, 2),
        f"{stem}.w_a.weight": torch.ones(1, 2),
        f"{stem}.w_b.weight": torch.ones(2, 1),
    }
    merged = merge_lora(state)
    assert torch.equal(merged[f"{stem}.weight"], torch.full((2, 2), 2.0))
    assert torch.equal(state[f"{stem}.w.weight"], torch.ones(2, 2))


def test_the_sum_is_rounded_once() -> None:
    stem = "encoder.layer.0.attention.self.query"
    state = {
        f"{stem}.w.weight": torch.tensor([[1.0]]),
        f"{stem}.w_a.weight": torch.tensor([[2.0**-24], [2.0**-30]]),
        f"{stem}.w_b.weight": torch.tensor([[1.0, 1.0]]),
    }
    # In float32 the first product alone would be lost to rounding.
    assert merge_lora(state)[f"{stem}.weight"].item() == 1 + 2.0**-23
