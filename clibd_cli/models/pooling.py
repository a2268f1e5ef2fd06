"""From one vector a token to one vector a barcode: the four ways of the official code.

Which one a checkpoint needs is a fact of the checkpoint (bioscan-ml/clibd#33), kept on its card.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from clibd_cli.models.cards import DnaPooling


def pool_tokens(
    hidden: Tensor,
    head: Callable[[Tensor], Tensor] | None,
    pooling: DnaPooling,
    mask: Tensor | None,
) -> Tensor:
    """Hidden states `[batch, tokens, width]` to vectors `[batch, outputs]` in float32.

    Args:
        head: the language-model head; needed where `cards.USES_HEAD[pooling]`.
        mask: `[batch, tokens]`, 0 where a token must not count in the mean; None for all tokens.
    """
    if pooling == "cls_token":
        return hidden[:, 0].float()
    if pooling == "hidden_state_mean":
        return masked_mean(hidden, mask)
    if head is None:
        raise ValueError(f"{pooling} needs a language-model head")
    logits = head(hidden).float()
    return masked_mean(logits.softmax(-1) if pooling == "logits_softmax_mean" else logits, mask)


def masked_mean(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """The mean over tokens in float32; only tokens whose `mask` is 1 count where one is given."""
    tokens = tokens.float()
    if mask is None:
        return tokens.mean(1)
    weights = mask.to(tokens.dtype)
    return (tokens * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
