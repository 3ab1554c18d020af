"""A small run, an experiment run in one call, and a scorer that remembers what it was asked."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from icl.prompts.render import Prompt
from probes.runs.execute import execute
from probes.runs.experiment import Experiment
from probes.runs.folder import RunFolder
from probes.runs.opening import create_run
from probes.runs.plan import Plan, make_plan
from probes.scorers.scorer import Answer, LabelAnswer, Scorer, as_table

SMALL = Experiment(models=("majority",), task="parity", label_modes=("gold", "random"), shots=(0, 2), queries=6)


class Recorder(Scorer):
    """Answers from the text alone, writes down what it was asked, and can be killed."""

    name = "recorder"

    def __init__(self, kill_after: int | None = None, version: str = "1"):
        self.asked: list[str] = []
        self.kill_after = kill_after
        self.version = version

    def __call__(self, prompts: Sequence[Prompt]) -> np.ndarray:
        return as_table(self.answer(prompts), len(prompts))

    def answer(self, prompts: Sequence[Prompt], *, progress=None) -> Iterator[tuple[int, Answer]]:
        for index in reversed(range(len(prompts))):  # answers need not come in the order asked
            prompt = prompts[index]
            if self.kill_after is not None and len(self.asked) >= self.kill_after:
                raise KeyboardInterrupt
            self.asked.append(prompt.prompt_id)
            odds = np.array([hash_of(prompt.text + candidate.text) for candidate in prompt.candidates])
            clean = bool(len(prompt.text) % 3)
            yield (
                index,
                Answer.of(
                    [
                        LabelAnswer(
                            value,
                            1 + len(prompt.text) % 2,
                            clean,
                            value if clean else value - 0.5,
                            1 + len(prompt.text) % 4,
                        )
                        for value in np.log(odds / odds.sum()).tolist()
                    ]
                ),
            )

    def identity(self) -> dict[str, str]:
        return {"scorer": "recorder", "version": self.version}


def hash_of(text: str) -> float:
    return 1 + sum(map(ord, text)) % 7


def run_experiment(experiment: Experiment, out: Path) -> RunFolder:
    plan = make_plan(experiment)
    folder = create_run(out, experiment, plan.made)
    execute(folder, plan)
    return folder


def plan_with(scorer: Scorer, experiment: Experiment = SMALL) -> Plan:
    plan = make_plan(experiment)
    return Plan(task=plan.task, prompts=plan.prompts, scorers=(scorer,), seeds=plan.seeds)


def in_order(scores: pd.DataFrame) -> pd.DataFrame:
    keys = ["label_mode", "format", "num_shots", "demonstration_set_id", "query_id", "candidate"]
    return scores.sort_values(keys).reset_index(drop=True)
