"""Language models: tokens as the Trainer counts them, and TRL's SFTTrainer. Model and words are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

import adapters.transformers_training  # noqa: F401  # sets what Transformers reads when it is imported
import stepbridge as sb
from stepbridge.adapters.transformers import ClockCallback

if TYPE_CHECKING:
    from pathlib import Path

VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))
PAD = 0


def tiny() -> LlamaForCausalLM:
    """A language model of a few hundred weights."""
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        pad_token_id=PAD,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config)


def padded(examples: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """A batch whose texts are as long as the longest."""
    longest = max(len(example["ids"]) for example in examples)
    ids = torch.tensor([example["ids"] + [PAD] * (longest - len(example["ids"])) for example in examples])
    mask = (ids != PAD).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}


TEXTS = [{"ids": [3 + number % 7] * (1 + number % 5)} for number in range(20)]


class Counts(TrainerCallback):  # type: ignore[misc]  # mypy does not read Transformers
    """Notes the clock's tokens at each batch."""

    def __init__(self, counting: ClockCallback) -> None:
        self.counting, self.tokens = counting, list[int]()

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tokens.append(self.counting.clock.token)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tokens.append(self.counting.clock.token)


def arguments(folder: Path, **options: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 3,
        "num_train_epochs": 2,
        "report_to": [],
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **options,
    }


@pytest.mark.skipif(VERSION < (4, 57), reason="non_padding is of 4.57")
def test_tokens_without_padding(tmp_path: Path) -> None:
    counting = ClockCallback()
    counts = Counts(counting)
    seen: list[int] = []

    def collate(examples: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        seen.append(sum(len(example["ids"]) for example in examples))
        return padded(examples)

    trainer = Trainer(
        tiny(),
        TrainingArguments(
            **arguments(tmp_path, include_num_input_tokens_seen="non_padding", remove_unused_columns=False)
        ),
        train_dataset=TEXTS,
        data_collator=collate,
        callbacks=[counting, counts],
    )
    trainer.train()
    assert counts.tokens == [sum(seen[:end]) for end in range(1, 15)]
    of_epoch = sum(len(text["ids"]) for text in TEXTS)
    assert counting.clock.token == 2 * of_epoch
    # The first batch of an epoch is not in the epoch before.
    assert counting.clock.convert("1ep", "token") == sb.Exact(of_epoch, "tok")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # TRL's own
def test_trl(tmp_path: Path) -> None:
    trl = pytest.importorskip("trl")
    datasets = pytest.importorskip("datasets")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: number for number, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", "a", "b", "c"])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    data = datasets.Dataset.from_dict({"text": ["a b c " * (1 + number % 3) for number in range(20)]})
    counting = ClockCallback()
    trainer = trl.SFTTrainer(
        tiny(),
        args=trl.SFTConfig(**arguments(tmp_path)),
        train_dataset=data,
        processing_class=tokenizer,
        callbacks=[counting],
    )
    trainer.train()
    clock = counting.clock
    assert (clock.batch, clock.step, clock.applied, clock.sample) == (14, 6, 6, 40)
    assert trainer.state.global_step == 6
