"""Training on GINC against the Transformers Trainer: same model, same windows in the same order, same machine.

taskset -c 1 env OMP_NUM_THREADS=1 .venv/bin/python benchmarks/pretraining.py [TOKENS] [WINDOW]

Prints tokens a CPU second, and CPU seconds until the validation loss first reaches what the Trainer ended with.
"""

import sys
import tempfile
import time
from collections.abc import Iterator

import torch
from torch.utils.data import IterableDataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

import probes.pretrain.train as training
from icl.ginc.family import GincFamily, default_family
from probes.pretrain.documents import training_batches, training_windows, validation_documents
from probes.pretrain.models import build_model
from probes.pretrain.options import PretrainOptions
from probes.scorers.huggingface_precision import has_fast

type Curve = list[tuple[int, float, float]]
"""Tokens, CPU seconds of training alone, validation loss."""


def main() -> None:
    """Train once with the lab and once with the Trainer, each at its own optimiser's good rates."""
    given = dict(enumerate(sys.argv))
    tokens, window = int(float(given.get(1, "1.5e6"))), int(given.get(2, "128"))
    family = default_family()
    options = PretrainOptions(tokens=tokens, windows=((1.0, window),), device="cpu")
    logging.disable_progress_bar()
    bfloat16 = has_fast(torch.bfloat16, torch.device("cpu"))
    runs = {"icl": _ours(family, options)}
    for name, half in (("Trainer, bfloat16", True), ("Trainer, float32", False)):
        if bfloat16 or not half:
            runs[name] = _trainer(family, options, bfloat16=half)
    print(
        f"{build_model(family, options).num_parameters():,} parameters, windows of {window}, {tokens:,} tokens, AdamW"
    )
    rate = {name: curve[-1][0] / curve[-1][1] for name, curve in runs.items()}
    for name, curve in runs.items():
        print(
            f"{name:18} {rate[name]:8,.0f} tokens/s   loss {curve[-1][2]:.3f} after {curve[-1][1]:.0f} s"
            + ("" if name == "icl" else f"   icl: {rate['icl'] / rate[name]:.2f} × its tokens/s, {_lead(runs, name)}")
        )


def _lead(runs: dict[str, Curve], name: str) -> str:
    """Say how much sooner the lab's training reaches the loss that a peer ended with."""
    _, theirs, target = runs[name][-1]
    reached = [seconds for _, seconds, loss in runs["icl"] if loss <= target]
    return (
        f"its last loss after {reached[0]:.0f} s ({theirs / reached[0]:.1f} × sooner)" if reached else "never its loss"
    )


def _ours(family: GincFamily, options: PretrainOptions) -> Curve:
    """Run `pretrain` with a clock that stands still during validation."""
    curve: Curve = []
    spent = 0.0
    validate = training._validation_loss

    def timed(*arguments):
        nonlocal spent
        began = time.process_time()
        loss = validate(*arguments)
        spent += time.process_time() - began
        return loss

    training._validation_loss = timed
    began = time.process_time()
    training.pretrain(
        family,
        options,
        progress=lambda p: curve.append((p.tokens, time.process_time() - began - spent, p.validation_loss)),
    )
    training._validation_loss = validate
    return curve


class _Windows(IterableDataset):
    """The same windows in the same order, one at a time."""

    def __init__(self, family: GincFamily, options: PretrainOptions):
        self.family, self.options = family, options

    def __iter__(self) -> Iterator[dict]:
        for windows in training_batches(self.family, self.options):
            for window in torch.as_tensor(windows).long():
                yield {"input_ids": window[:-1], "targets": window[1:]}


class _GincTrainer(Trainer):
    """The Trainer with the lab's loss: every token counts, the first one included."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        logits = model(input_ids=inputs["input_ids"], use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), inputs["targets"].flatten())


def _trainer(family: GincFamily, options: PretrainOptions, *, bfloat16: bool) -> Curve:
    """Train with AdamW (3e-3, cosine), the Trainer's own loop, loader and precision."""
    torch.manual_seed(options.seed)
    model = build_model(family, options)
    validation = torch.as_tensor(validation_documents(family, options))
    schedule = training_windows(options)
    curve: Curve = []
    spent = 0.0
    clock = {"began": 0.0}

    class Watch(TrainerCallback):
        def on_train_begin(self, *_, **__):
            clock["began"] = time.process_time()

        def on_step_end(self, arguments, state, control, **__):
            nonlocal spent
            if state.global_step % max(1, len(schedule) // 50) and state.global_step < len(schedule):
                return
            now = time.process_time()
            loss = training._validation_loss(model, validation, training.find_dtype(options, validation.device))
            tokens = state.global_step * schedule[0][0] * schedule[0][1]
            curve.append((tokens, now - clock["began"] - spent, loss))
            spent += time.process_time() - now

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=len(schedule),
            per_device_train_batch_size=schedule[0][0],
            learning_rate=3e-3,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, len(schedule) // 50),
            adam_beta2=0.95,
            weight_decay=0.0,
            bf16=bfloat16,
            use_cpu=True,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        trainer = _GincTrainer(model, arguments, train_dataset=_Windows(family, options), callbacks=[Watch()])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return curve


if __name__ == "__main__":
    main()
