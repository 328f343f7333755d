"""A tiny model of the paper's architecture, made from a configuration, to learn on a laptop.

SigLIP tower, two-layer MLP, Qwen2 decoder and a byte-level BPE tokenizer trained on the cohort's
own text. It is the real architecture in the usual Hugging Face layout; only the sizes are small.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)

from radvlm.models.card import Card
from radvlm.models.llava_onevision import LlavaOnevision
from radvlm.models.llava_processor import ImageTextProcessor
from radvlm.recipe import Section

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% if message['role'] == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Two tokens a question: on a laptop every token counts."""
_SPECIAL = (
    "<|pad|>",
    "<|im_end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<image>",
    "<video>",
)
_PIECES = Regex(r"\d\.\d\d(?:, )?|[^\d\[\].?!:\n]+[.?!:]? ?|[\[\]]|\d|\s+|.")
"""A coordinate with its comma is one piece, and so is all between two stops: merges run across
words, because the simulator's phrases recur and on a laptop every token counts."""


class TinyConfig(Section):
    """Sizes. ``tiles`` is the side of the any-resolution grid in tiles of ``image_size``."""

    image_size: int = 160
    patch_size: int = 32
    tiles: int = 1
    vision_width: int = 192
    vision_layers: int = 4
    text_width: int = 192
    text_layers: int = 3
    text_mlp: int = 384
    heads: int = 4
    vocabulary: int = 1600
    seed: int = 0


def make_tiny(config: TinyConfig, texts: Iterable[str], card: Card) -> LlavaOnevision:
    """An untrained model whose tokenizer knows the ``texts``; the same for the same seed."""
    tokenizer = train_tokenizer(texts, config.vocabulary)
    architecture = _architecture(config, tokenizer)
    torch.manual_seed(config.seed)
    network = LlavaOnevisionForConditionalGeneration(architecture)
    _order_positions(network, config)
    _order_coordinates(network, tokenizer)
    grid = config.image_size // config.patch_size
    processor = ImageTextProcessor(
        image_processor=LlavaOnevisionImageProcessorPil(
            size={"height": config.image_size, "width": config.image_size},
            image_grid_pinpoints=architecture.image_grid_pinpoints,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        ),
        tokenizer=tokenizer,
        num_image_tokens=grid * grid,
        chat_template=CHAT_TEMPLATE,
    )
    return LlavaOnevision(network.eval(), processor, card, revision="untrained")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the texts; every coordinate from 0.00 to 1.00 becomes one token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Repeated so that merges up to whole coordinates outrank rare words.
    coordinates = ["".join(_coordinates("") + _coordinates(", "))] * 2000
    bpe.train_from_iterator([*texts, *coordinates], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        padding_side="left",
        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"},
    )


def waves(places: torch.Tensor, width: int, octaves: int) -> torch.Tensor:
    """Sines and cosines of places in 0…1, float32 [n, width], rms 1.

    Frequencies grow evenly from half a period over the image by that many ``octaves``.
    """
    frequencies = torch.pi * 2.0 ** torch.linspace(0, octaves, width // 2)
    angles = places[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1) * 2**0.5


@torch.no_grad()
def _order_positions(network: LlavaOnevisionForConditionalGeneration, config: TinyConfig) -> None:
    """Begin with patch positions that say where they are, louder than what the patch shows.

    From scratch that takes long to find, and boxes are places first of all.
    """
    grid = config.image_size // config.patch_size
    rows, columns = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    half = config.vision_width // 2
    places = [waves((axis.flatten() + 0.5) / grid, half, 6) for axis in (rows, columns)]
    embedding = network.model.vision_tower.embeddings.position_embedding
    embedding.weight.copy_(torch.cat(places, dim=1) * 2)


@torch.no_grad()
def _order_coordinates(
    network: LlavaOnevisionForConditionalGeneration, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Begin with coordinate tokens in their order, so that near values have near embeddings."""
    table = network.get_input_embeddings().weight
    ordered = waves(torch.arange(101) / 100, table.shape[1], 4) * table.std()
    for after in ("", ", "):
        ids = tokenizer(_coordinates(after), add_special_tokens=False).input_ids
        table[[one[0] for one in ids]] = ordered


def _coordinates(after: str) -> list[str]:
    return [f"{k / 100:.2f}{after}" for k in range(101)]


def _architecture(config: TinyConfig, tokenizer: PreTrainedTokenizerFast) -> LlavaOnevisionConfig:
    vision = SiglipVisionConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        hidden_size=config.vision_width,
        intermediate_size=4 * config.vision_width,
        num_hidden_layers=config.vision_layers,
        num_attention_heads=config.heads,
        vision_use_head=False,
    )
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=config.text_width,
        intermediate_size=config.text_mlp,
        num_hidden_layers=config.text_layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        # The default of 0.02 suits wide models; here signals and logits would start too small.
        initializer_range=config.text_width**-0.5,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    steps = range(1, config.tiles + 1)
    side = config.image_size
    return LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_grid_pinpoints=[[side * y, side * x] for y in steps for x in steps],
        tie_word_embeddings=True,
    )
