"""What must not change what is learned: packing, recomputation, layout, interruption; by family."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import yaml
from families import FAMILIES, WORDS, examples, losses, recipe_of, tiny, weights
from transformers import AutoModelForImageTextToText

from radvlm import recipe as recipes
from radvlm.models.batches import IGNORED, Encoded, pack
from radvlm.models.card import TOY_SCOPE, Card
from radvlm.models.local import LocalModel
from radvlm.models.opening import open_model
from radvlm.models.packed_attention import PACKED
from radvlm.models.tiny_families import tiny_gemma3
from radvlm.protocols import Chat, Decoding
from radvlm.train.learner import Learner, fused_loss
from radvlm.train.optimization import make_optimizer
from radvlm.train.recipe import Schedule, TrainRecipe
from radvlm.train.run import train
from radvlm.train.sequences import epoch_sequences, to_chats


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def gradients(model: LocalModel, batches: Sequence[Sequence[Encoded]]) -> dict[str, torch.Tensor]:
    """The summed gradients of some batches, and the loss under the name ``loss``."""
    learner, total = Learner(model.network.train()), 0.0
    model.network.zero_grad(set_to_none=True)
    for rows in batches:
        loss = learner(model.collate(rows, left=False))
        loss.backward()
        total += float(loss.detach())
    named = model.network.named_parameters()
    found = {n: p.grad.clone() for n, p in named if p.grad is not None}
    return found | {"loss": torch.tensor(total)}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], tolerance: float = 1e-4) -> bool:
    assert a.keys() == b.keys()
    # Some gradients are zero but for rounding, such as those of biases of attention keys.
    largest = max(float(value.abs().max()) for value in a.values())
    return all(torch.allclose(a[k], b[k], rtol=tolerance, atol=1e-6 * largest) for k in a)


def encoded(model: LocalModel, folder: Path) -> list[Encoded]:
    groups = epoch_sequences(examples(folder, 12), 4, seed=0, epoch=0)
    return [model.encode_group(to_chats(group)) for group in groups]


def test_packed_rows_have_the_loss_and_the_gradients_of_padded_and_of_single_ones(
    family: str, tmp_path: Path
) -> None:
    model = tiny(family)
    rows = encoded(model, tmp_path)
    alone = gradients(model, [[row] for row in rows])
    assert same(alone, gradients(model, [rows]))
    assert same(alone, gradients(model, [[pack(rows)]]))
    batch = model.collate([pack(rows)], left=False)
    assert batch["input_ids"].shape == (1, sum(len(row.tokens.ids) for row in rows))


def test_attention_by_sequence_is_that_of_one_mask_over_the_row(
    family: str, tmp_path: Path
) -> None:
    model = tiny(family)
    rows = encoded(model, tmp_path)
    plain = [model.encode(to_chats([e])[0], open_reply=False) for e in examples(tmp_path, 4)]
    for some in (rows, plain, rows[:1], plain[:1]):
        wanted = gradients(model, [[row] for row in some])
        model.attend_by(PACKED)
        assert same(wanted, gradients(model, [[pack(some)]]))
        model.network.activation_checkpointing_enable({"use_reentrant": False})
        assert same(wanted, gradients(model, [[pack(some)]]))
        model.network.activation_checkpointing_disable()
        model.attend_by("sdpa")


def test_a_sliding_window_stays_inside_its_sequence(tmp_path: Path) -> None:
    card = Card(name="t", family="gemma3", scope=TOY_SCOPE, access="open")
    model = tiny_gemma3([" ".join(WORDS)] * 5, card, window=12)
    rows = encoded(model, tmp_path)
    assert max(len(row.tokens.ids) for row in rows) > 30
    wanted = gradients(model, [[row] for row in rows])
    model.attend_by(PACKED)
    assert same(wanted, gradients(model, [[pack(rows)]]))


def test_a_loss_in_pieces_is_the_loss() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(300, 48, requires_grad=True)
    head = torch.randn(900, 48, requires_grad=True)
    labels = torch.randint(900, (300,))
    found = torch.autograd.grad(2.0 * fused_loss(hidden, head, labels), (hidden, head))
    logits = hidden.double() @ head.double().T
    picked = logits.log_softmax(1)[range(300), labels]
    wanted = torch.autograd.grad(-2.0 * picked.sum(), (hidden, head))
    assert all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(found, wanted, strict=True)
    )


def test_recomputing_layers_changes_nothing(family: str, tmp_path: Path) -> None:
    model = tiny(family)
    rows = encoded(model, tmp_path)
    kept = gradients(model, [rows])
    model.network.activation_checkpointing_enable({"use_reentrant": False})
    assert same(kept, gradients(model, [rows]), 1e-6)


def test_learned_are_the_tokens_of_every_reply_and_no_other(family: str, tmp_path: Path) -> None:
    model = tiny(family)
    for example in examples(tmp_path, 12):
        chat = to_chats([example])[0]
        row = model.encode(chat, open_reply=False)
        told = [i for i, mine in zip(row.tokens.ids, row.tokens.learn, strict=True) if mine]
        wanted: list[int] = []
        for turn in example.turns[1::2]:
            text = "".join(
                part if isinstance(part, str) else model.codec.render(part, row.images[0].size)
                for part in turn.parts
            )
            wanted += model.processor.tokenizer(text, add_special_tokens=False).input_ids
            wanted.append(model.ends[0])
        assert told == wanted
        batch = model.collate([row], left=False)
        assert batch["labels"].ne(IGNORED).sum() == len(wanted)


def test_what_precedes_a_reply_in_training_is_the_prompt_of_inference(
    family: str, tmp_path: Path
) -> None:
    model = tiny(family)
    for example in examples(tmp_path, 6):
        chat = to_chats([example])[0]
        row = model.encode(chat, open_reply=False).tokens
        starts = [k for k in range(1, len(row.ids)) if row.learn[k] and not row.learn[k - 1]]
        for number, start in enumerate(starts):
            asked = Chat(chat.images, example.turns[: 2 * number + 1])
            assert row.ids[:start] == model.encode(asked, open_reply=True).tokens.ids


def test_every_parameter_is_in_one_group_with_its_rate(family: str) -> None:
    model = tiny(family)
    optimizer = make_optimizer(model, Schedule())
    rates = {id(p): g["peak"] for g in optimizer.param_groups for p in g["params"]}
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(rates)
    bridges = ("projector", "newline", "merger")
    for name, parameter in model.network.named_parameters():
        tower = ("visual" in name or "vision_tower" in name) and not any(b in name for b in bridges)
        assert rates.pop(id(parameter)) == (2e-6 if tower else 1e-5), name
    assert not rates


def interrupted(recipe: TrainRecipe, after: int) -> None:
    def stop_at(done: int, total: int, **_: str) -> None:
        if done == after:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, stop_at)
    train(recipe)


def test_a_resumed_run_is_bit_identical_whatever_the_workers(family: str, root: Path) -> None:
    packing = {"packing": 300, "save_every": 1}
    train(recipe_of(root, family, f"{family}-whole", **packing))
    whole = root / f"{family}-whole"
    for workers in (0, 2, 4):
        out = f"{family}-{workers}"
        interrupted(recipe_of(root, family, out, **packing, workers=workers), 2)
        assert losses(root / out) == losses(whole) and len(losses(whole)) == 4
        first, second = weights(whole / "checkpoint"), weights(root / out / "checkpoint")
        assert all(torch.equal(first[name], second[name]) for name in first)


LAYOUTS: dict[str, dict[str, object]] = {
    "llava_onevision": {"packing": 400},
    "qwen3_vl": {"micro_batch": 1},
    "gemma3": {"packing": 400, "checkpointing": True},
}


def test_two_processes_learn_what_one_does(family: str, root: Path, tmp_path: Path) -> None:
    alone = recipe_of(root, family, f"{family}-alone")
    beside = recipe_of(root, family, f"{family}-beside", **LAYOUTS[family], processes=2)
    train(alone)
    file = tmp_path / "train.yaml"
    file.write_text(yaml.safe_dump(recipes.dump(beside)), encoding="utf-8")
    torchrun(file)
    assert losses(beside.out) == pytest.approx(losses(alone.out), rel=1e-5)
    first, second = weights(alone.out / "checkpoint"), weights(beside.out / "checkpoint")
    assert first.keys() == second.keys()


def torchrun(recipe: Path, *overrides: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    verb = ["--no-python", sys.executable, "-c", "from radvlm.cli import main; main()", "train"]
    done = subprocess.run([*command, *verb, recipe, *overrides], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_frozen_weights_do_not_move_and_the_others_do(family: str, root: Path) -> None:
    out = f"{family}-frozen"
    train(recipe_of(root, family, out, freeze=["vision", "projector"]))
    before, after = weights(root / family), weights(root / out / "checkpoint")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and not [n for n in moved if "vis" in n or "projector" in n or "newline" in n]


def test_adapters_move_their_layers_alone_and_are_merged(family: str, root: Path) -> None:
    out = f"{family}-lora"
    train(recipe_of(root, family, out, lora={"rank": 4, "alpha": 8}))
    before, after = weights(root / family), weights(root / out / "checkpoint")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all("language_model" in n and "proj" in n for n in moved)


def test_the_checkpoint_loads_with_plain_transformers_and_answers_the_same(
    family: str, root: Path
) -> None:
    out = root / f"{family}-plain"
    train(recipe_of(root, family, out.name))
    model = open_model(out / "checkpoint")
    assert isinstance(model, LocalModel)
    example = examples(root / "data", 1)[0]
    chat = Chat(to_chats([example])[0].images, example.turns[:1])
    said = next(iter(model.answer([chat], Decoding(max_tokens=12))))[1]
    item = model.encode(chat, open_reply=True)
    batch = model.collate([item], left=True)
    del batch["labels"]
    plain = AutoModelForImageTextToText.from_pretrained(out / "checkpoint").eval()
    made = plain.generate(
        **batch, max_new_tokens=12, do_sample=False, eos_token_id=list(model.ends)
    )
    ids = made[0, batch["input_ids"].shape[1] :].tolist()
    text = model.processor.tokenizer.decode(ids, skip_special_tokens=True)
    assert text.strip() == said.text
