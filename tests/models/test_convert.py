"""Every official spelling of one model gives the same tensors and towers; all else is listed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from clibd_cli.core.errors import ClibdError
from clibd_cli.models.cards import DNA_POOLINGS, DnaPooling
from clibd_cli.models.checkpoint import RawCheckpoint
from clibd_cli.models.convert import Converted, convert
from tests.models.tiny import (
    ALL,
    DNA,
    IMAGE,
    TEXT,
    WIDTH,
    State,
    Weights,
    barcodebert_4mer,
    barcodebert_5mer,
    bert_state,
    clibd_state,
    mlm_state,
    with_lora,
    with_old_names,
)


def converted(
    state: State, pooling: DnaPooling | None = None, config: dict[str, Any] | None = None
) -> Converted:
    return convert(RawCheckpoint("best.pth", dict(state), config), pooling)


def assert_same(left: Converted, right: Converted) -> None:
    assert left.tensors.keys() == right.tensors.keys()
    for name, tensor in left.tensors.items():
        assert torch.equal(tensor, right.tensors[name]), name
    assert (left.image, left.dna, left.text) == (right.image, right.dna, right.text)
    assert (left.heads, left.dim, left.logit_scale) == (right.heads, right.dim, right.logit_scale)


def told(state: State, **options: Any) -> str:
    with pytest.raises(ClibdError) as error:
        converted(state, **options)
    assert error.value.hint
    assert error.value.message.startswith("best.pth")
    return error.value.message


def test_sizes_come_from_the_tensors() -> None:
    model = converted(clibd_state(k=4))
    assert model.image is not None
    assert model.dna is not None
    assert model.text is not None
    assert (model.image.width, model.image.depth, model.image.output_dim) == (WIDTH, 2, WIDTH)
    assert (model.image.patch, model.image.crop, model.image.resize) == (8, 32, 37)
    assert (model.dna.k, model.dna.vocabulary, model.dna.head_dim) == (4, "mask_cls_unk", WIDTH)
    assert (model.dna.prefix_mask, model.dna.attention_mask) == (True, False)
    assert model.dna.pooling == "logits_softmax_mean"
    assert (model.text.vocab_size, model.text.depth, model.text.max_positions) == (68, 2, 180)
    assert model.heads == {"image": 1, "dna": 1, "text": 1}
    assert model.dim == WIDTH
    assert model.logit_scale == pytest.approx(2.6592)
    assert all(tensor.dtype == torch.float32 for tensor in model.tensors.values())


@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
@pytest.mark.parametrize("old", [False, True])
def test_names_of_any_age_and_prefix_are_the_same_model(old: bool, prefix: str) -> None:
    state = clibd_state()
    spelled = with_old_names(state) if old else state
    assert_same(
        converted({prefix + name: tensor for name, tensor in spelled.items()}), converted(state)
    )


@pytest.mark.parametrize("towers", [[t] for t in ALL] + [["image", "dna"], ["image", "text"]])
def test_towers_may_be_missing(towers: list[Any]) -> None:
    model = converted(clibd_state(towers))
    assert {name.split(".")[0] for name in model.tensors} == set(towers)
    whole = converted(clibd_state())
    assert all(torch.equal(t, whole.tensors[name]) for name, t in model.tensors.items())


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("layers", [[0, 1], [1]])
@pytest.mark.parametrize("prefix", [IMAGE, DNA, TEXT])
def test_lora_on_any_tower_and_layer_is_merged(prefix: str, layers: list[int], old: bool) -> None:
    lora, merged = with_lora(clibd_state(), layers, prefix)
    assert lora.keys() != merged.keys()
    assert_same(converted(with_old_names(lora) if old else lora), converted(merged))
    with pytest.raises(AssertionError):
        assert_same(converted(lora), converted(clibd_state()))


def test_the_wrappers_own_lora_lists_are_tolerated_as_copies_only() -> None:
    lora, merged = with_lora(clibd_state(), [0], IMAGE)
    a_name = f"{IMAGE}blocks.0.attn.qkv.linear_a_q.weight"
    lora["image_encoder.w_As.0.weight"] = lora[a_name].clone()
    assert_same(converted(lora), converted(merged))
    lora["image_encoder.w_As.0.weight"] = lora[a_name] + 1
    assert "image_encoder.w_As.0.weight" in told(lora)


@pytest.mark.parametrize("half", ["a", "b"])
def test_half_a_lora_pair_is_an_error(half: str) -> None:
    lora, _ = with_lora(clibd_state(), [1], DNA)
    name = f"{DNA}bert.encoder.layer.1.attention.self.query.w_{half}.weight"
    del lora[name]
    assert name.removeprefix(DNA) in told(lora)


def test_buffers_and_poolers_that_nothing_reads_are_dropped() -> None:
    state = clibd_state()
    extra = {
        f"{DNA}bert.embeddings.position_ids": torch.arange(180)[None],
        f"{TEXT}embeddings.position_ids": torch.arange(180)[None],
        f"{TEXT}embeddings.token_type_ids": torch.zeros(1, 180, dtype=torch.long),
        f"{TEXT}pooler.dense.weight": torch.ones(WIDTH, WIDTH),
        f"{TEXT}pooler.dense.bias": torch.ones(WIDTH),
    }
    assert_same(converted(state | extra), converted(state))
    del state[f"{DNA}cls.predictions.bias"]
    assert_same(converted(state), converted(clibd_state()))


def test_unknown_tensors_are_listed_with_their_count() -> None:
    odd = {f"{IMAGE}gadget.{n}": torch.ones(1) for n in range(30)}
    message = told(clibd_state() | odd | {"elsewhere.weight": torch.ones(2)})
    assert "31 unknown" in message
    assert "elsewhere.weight" in message
    assert f"{IMAGE}gadget.3" in message
    assert "11 more" in message


@pytest.mark.parametrize(
    "name",
    [
        f"{IMAGE}blocks.1.norm1.weight",
        f"{IMAGE}blocks.0.attn.qkv.bias",
        f"{IMAGE}cls_token",
        f"{IMAGE}head.weight",
        f"{DNA}bert.encoder.layer.1.attention.self.key.weight",
        f"{DNA}bert.embeddings.word_embeddings.weight",
        f"{DNA}cls.predictions.decoder.weight",
        f"{TEXT}embeddings.LayerNorm.bias",
        "language_encoder.proj.weight",
    ],
)
def test_each_missing_tensor_is_named(name: str) -> None:
    state = clibd_state()
    del state[name]
    message = told(state)
    assert name in message or name.split("coder.", 2)[-1] in message


def test_a_missing_layer_is_named() -> None:
    state = {n: t for n, t in clibd_state().items() if not n.startswith(f"{TEXT}encoder.layer.0.")}
    assert "encoder.layer.0" in told(state)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (f"{IMAGE}norm.weight", (WIDTH + 1,)),
        (f"{IMAGE}pos_embed", (1, 18, WIDTH)),
        (f"{IMAGE}blocks.0.attn.qkv.weight", (3 * WIDTH, WIDTH + 1)),
        (f"{IMAGE}patch_embed.proj.weight", (WIDTH, 1, 8, 8)),
        (f"{DNA}bert.embeddings.position_embeddings.weight", (40, WIDTH)),
        (f"{DNA}bert.embeddings.word_embeddings.weight", (1000, WIDTH)),
        (f"{DNA}bert.encoder.layer.1.output.dense.bias", (3,)),
        (f"{TEXT}embeddings.word_embeddings.weight", (68,)),
    ],
)
def test_shapes_that_do_not_fit_are_named(name: str, shape: tuple[int, ...]) -> None:
    message = told(clibd_state() | {name: torch.zeros(shape)})
    assert "not fitting" in message


SHAPES = [(), (0,), (1,), (4,), (0, 0), (1, 1), (2, 3), (1, 1, 1), (1, 1, 1, 1), (0, 0, 0, 0)]


@pytest.mark.parametrize("layout", [*ALL, IMAGE, DNA, TEXT, "5mer", "4mer", "vit"])
def test_no_tensor_of_any_shape_gives_a_traceback(layout: str) -> None:
    config: dict[str, Any] | None = None
    if layout == "4mer":
        held: Any = barcodebert_4mer()
        state, config = held["model"], held["bert_config"]
    elif layout == "5mer":
        state = barcodebert_5mer()
    elif layout == "vit":
        state = clibd_state(["image"])
        state[f"{IMAGE}head.weight"] = torch.zeros(1000, WIDTH)
    elif layout in ALL:
        state = clibd_state([layout])
    else:
        modality = ALL[(IMAGE, DNA, TEXT).index(layout)]
        state = with_lora(clibd_state([modality]), [0], layout)[0]
    # The second layer is like the first.
    names = [n for n in state if "blocks.1." not in n and "layer.1." not in n]
    for name in names:
        for shape in SHAPES:
            try:
                converted(state | {name: torch.zeros(shape)}, config=config)
            except ClibdError as error:
                assert error.hint
                if shape == ():
                    assert name in error.message


@pytest.mark.parametrize(
    "name",
    [
        f"{IMAGE}blocks.0.attn.qkv.weight",
        f"{IMAGE}blocks.0.attn.qkv.qkv.weight",
        f"{DNA}cls.predictions.decoder.weight",
        f"{DNA}cls.predictions.decoder.bias",
    ],
)
def test_a_single_number_is_no_matrix(name: str) -> None:
    assert f"{name} is a single number" in told(clibd_state() | {name: torch.tensor(1.0)})
    assert f"{name} is a single number" in told({name: torch.tensor(1.0)})


def test_two_logit_scales_are_an_error() -> None:
    message = told(clibd_state() | {"module.logit_scale": torch.tensor(2.6592)})
    assert "module.logit_scale is there twice" in message


def test_a_vit_without_patches_is_refused() -> None:
    assert "1 positions" in told(clibd_state() | {f"{IMAGE}pos_embed": torch.zeros(1, 1, WIDTH)})


def test_integer_weights_are_refused() -> None:
    name = f"{IMAGE}norm.weight"
    assert f"{name} is torch.int8" in told({**clibd_state(), name: torch.ones(WIDTH).char()})


def test_two_different_tensors_for_one_place_are_an_error() -> None:
    state = clibd_state()
    copy = {"image_encoder.lora_vit.norm.weight": state[f"{IMAGE}norm.weight"].clone()}
    assert_same(converted(state | copy), converted(state))
    message = told(state | {"image_encoder.lora_vit.norm.weight": torch.zeros(WIDTH)})
    assert "lora_vit.norm.weight" in message


def test_a_gap_of_layers_is_not_built() -> None:
    state = clibd_state() | {f"{IMAGE}blocks.9999.norm1.weight": torch.ones(WIDTH)}
    assert "layer 2 is missing" in told(state)


@pytest.mark.parametrize("name", ["visual.conv1.weight", "transformer.resblocks.0.ln_1.weight"])
def test_open_clip_is_refused_as_such(name: str) -> None:
    assert "OpenCLIP" in told({f"image_encoder.{name}": torch.ones(2)})


def test_a_file_without_towers_is_refused() -> None:
    assert "logit_scale" in told({"logit_scale": torch.tensor(1.0)})
    assert "encoder.weight" in told({"encoder.weight": torch.ones(2)})


def test_towers_must_share_a_space() -> None:
    state = clibd_state(["image", "text"]) | clibd_state(["dna"], dim=32)
    message = told(state)
    assert "dna (logits_softmax_mean) 32" in message
    assert "image 64" in message
    assert converted(state, pooling="hidden_state_mean").dim == WIDTH


@pytest.mark.parametrize("pooling", DNA_POOLINGS)
def test_the_pooling_asked_for_is_obeyed(pooling: DnaPooling) -> None:
    dna = converted(clibd_state(), pooling=pooling).dna
    assert dna is not None
    assert dna.pooling == pooling


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_k_comes_from_the_vocabulary(k: int) -> None:
    state = clibd_state(["dna"], k=k)
    state[f"{DNA}bert.embeddings.position_embeddings.weight"] = torch.zeros(512, WIDTH)
    dna = converted(state).dna
    assert dna is not None
    assert dna.k == k


class TestBarcodeBert:
    def test_5mer_alone_pools_hidden_states_by_default(self) -> None:
        model = converted(barcodebert_5mer())
        assert model.dna is not None
        assert (model.dna.k, model.dna.vocabulary) == (5, "mask_cls_unk")
        assert (model.dna.prefix_mask, model.dna.attention_mask) == (True, False)
        assert (model.dna.pooling, model.dim, model.dna.head_dim) == (
            "hidden_state_mean",
            WIDTH,
            1027,
        )
        assert (model.image, model.text, model.logit_scale) == (None, None, None)

    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_shared_tensors_may_be_left_out(self, prefix: str) -> None:
        whole = barcodebert_5mer()
        lean = dict(whole)
        del lean["cls.predictions.decoder.weight"], lean["cls.predictions.decoder.bias"]
        assert_same(converted({prefix + n: t for n, t in lean.items()}), converted(whole))

    def test_5mer_logits_are_the_vocabulary(self) -> None:
        assert converted(barcodebert_5mer(), pooling="logits_mean").dim == 1027

    def test_4mer_masks_padding_and_takes_its_heads_from_the_configuration(self) -> None:
        held: Any = barcodebert_4mer(heads=4)
        model = converted(held["model"], config=held["bert_config"])
        assert model.dna is not None
        assert (model.dna.k, model.dna.vocabulary) == (4, "mask_unk")
        assert (model.dna.prefix_mask, model.dna.attention_mask) == (False, True)
        assert (model.dna.pooling, model.dna.head_dim) == ("hidden_state_mean", None)
        assert model.heads == {"dna": 4}
        assert not any("classifier" in name for name in model.tensors)

    def test_4mer_without_configuration_is_refused(self) -> None:
        held: Any = barcodebert_4mer()
        assert "num_attention_heads" in told(held["model"])

    def test_a_clibd_tower_of_that_vocabulary_has_heads_of_64_channels(self) -> None:
        state = mlm_state(Weights(0), DNA, 4**4 + 2, WIDTH)
        model = converted(state)
        assert model.dna is not None
        assert (model.dna.vocabulary, model.dna.attention_mask) == ("mask_unk", True)
        assert model.heads == {"dna": 1}

    @pytest.mark.parametrize("pooling", ["logits_softmax_mean", "logits_mean", "cls_token"])
    def test_4mer_has_neither_head_nor_first_token(self, pooling: DnaPooling) -> None:
        held: Any = barcodebert_4mer()
        assert pooling in told(held["model"], config=held["bert_config"], pooling=pooling)

    @pytest.mark.parametrize(
        "config",
        [
            {"num_attention_heads": 5},
            {"num_attention_heads": "4"},
            {"num_attention_heads": 4, "hidden_act": "relu"},
            {"num_attention_heads": 4, "layer_norm_eps": 1e-5},
        ],
    )
    def test_configurations_that_clibd_does_not_compute_are_refused(
        self, config: dict[str, Any]
    ) -> None:
        held: Any = barcodebert_4mer()
        assert "bert_config" in told(held["model"], config=config)

    def test_classes_are_unknown_in_a_clibd_tower(self) -> None:
        state = clibd_state() | {f"{DNA}classifier.weight": torch.ones(3, WIDTH)}
        assert "classifier.weight" in told(state)


class TestPlainViT:
    def without_head(self, rows: int | None) -> State:
        state = clibd_state(["image"])
        del state[f"{IMAGE}head.weight"], state[f"{IMAGE}head.bias"]
        if rows:
            Weights(3).linear(state, f"{IMAGE}head", rows, WIDTH)
        return state

    @pytest.mark.parametrize("rows", [None, 1000])
    def test_alone_it_gives_its_class_token(self, rows: int | None) -> None:
        model = converted(self.without_head(rows))
        assert model.dim == WIDTH
        assert torch.equal(model.tensors["image.head.weight"], torch.eye(WIDTH))

    def test_beside_another_tower_the_head_is_required(self) -> None:
        assert "head.weight" in told(self.without_head(None) | clibd_state(["dna"]))
        assert "image 1000" in told(self.without_head(1000) | clibd_state(["dna"]))


def test_a_width_that_is_no_multiple_of_64_is_refused() -> None:
    state = bert_state(Weights(0), TEXT, 68, width=96)
    Weights(1).linear(state, "language_encoder.proj", 96, 96)
    assert "64" in told(state)


def test_lora_of_a_wrong_shape_is_refused() -> None:
    lora, _ = with_lora(clibd_state(), [0], IMAGE)
    name = f"{IMAGE}blocks.0.attn.qkv.linear_b_v.weight"
    assert "linear_b_v" in told(lora | {name: torch.ones(WIDTH + 1, 4)})


def test_a_decoder_without_its_bias_is_refused() -> None:
    state = mlm_state(Weights(0), DNA, 1027, WIDTH)
    del state[f"{DNA}cls.predictions.decoder.bias"]
    assert "cls.predictions.decoder.bias" in told(state)
