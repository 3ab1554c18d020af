"""Driver of `test_kill`: go on with a run in small passes, after writing down what it is about to ask."""

import json
import sys
from pathlib import Path

from probes.runs import asking
from probes.runs import execute as execution
from probes.runs.experiment import Experiment
from probes.runs.opening import create_run
from probes.runs.plan import make_plan
from probes.runs.resources import Resources


def main(model: str, out: str, asked: str) -> None:
    experiment = Experiment(
        models=(model,), task="topic", label_modes=("gold", "random", "shuffled"), shots=(0, 4), queries=48
    )
    plan = make_plan(experiment, Resources(batch_tokens=8, use_cache=False))
    (scorer,) = plan.scorers
    answer = scorer.answer

    told = []

    def noted(prompts, *, progress=None):
        told.extend(prompt.prompt_id for prompt in prompts)
        Path(f"{asked}.unfinished").write_text(json.dumps(told))
        Path(f"{asked}.unfinished").rename(asked)
        yield from answer(prompts, progress=progress)

    scorer.answer = noted
    asking._WRITTEN_TOGETHER = 8
    execution.execute(create_run(Path(out), experiment), plan)


if __name__ == "__main__":
    main(*sys.argv[1:])
