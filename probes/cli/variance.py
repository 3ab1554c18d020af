"""`probe variance`: how much of the variance of answers each part of the prompt explains."""

from argparse import ArgumentParser, Namespace

from probes import disk
from probes.cli.command import NOT_CONVERGED, Command, Group
from probes.cli.flags import add_json, add_run_folder
from probes.terminal.layout import print_lines
from probes.terminal.progress import phase, stages

__all__ = ["COMMAND", "add", "run"]

COMMAND = Command(
    name="variance",
    group=Group.READ,
    help="estimate how much of the variance each part of the prompt explains",
    phases=lambda options: 5,
)


def add(parser: ArgumentParser) -> None:
    """Give a parser the command's flags."""
    add_run_folder(parser, "run folder, best of probe prompt-variance")
    parser.add_argument("--score", default="gold_log_odds", help="gold_log_odds or accuracy (default: %(default)s)")
    parser.add_argument("--model", default=None, help="which of the run's models (default: the only one)")
    parser.add_argument("--draws", type=int, default=2000, help="draws per chain (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="sampler's seed (default: %(default)s)")
    parser.add_argument("--anyway", action="store_true", help="print the shares even if the fit did not converge")
    add_json(parser)


def run(options: Namespace) -> int:
    """Split the variance of a run's answers by query and by part of the prompt; returns the exit status."""
    with phase("importing libraries"):
        from icl.answers import answer_table, naming_left_out
        from icl.concept.diagnose import diagnose
        from icl.concept.fit import fit
        from icl.concept.variance import variance_shares
        from icl.metrics.normalise import normalisation_of, normalise
        from icl.metrics.outcomes import known_answers
        from probes.fits.fitting import one_model
        from probes.fits.words import share_lines, unread_lines, written_lines
        from probes.report.dropped import dropped_sentences
        from probes.runs.folder import open_run

    folder = open_run(options.run)
    folder.check_finished()
    answers = answer_table(normalise(folder.scores(), normalisation_of(folder.metrics())))
    answers = one_model(answers, folder, options.model)
    outcomes = known_answers(answers)
    folder.check_writable("copy the run folder to a place where you may write")
    with naming_left_out(lambda: answers), stages("draw") as tell:
        asked = {"observe": options.score, "draws": options.draws, "seed": options.seed}
        tree = fit(outcomes, "variance", **asked, progress=tell)
        diagnosis = diagnose(tree)
        tree.attrs["converged"] = int(diagnosis.converged)
        shares = variance_shares(tree)
    with disk.rescued():
        folder.write_variance(tree)
    written, status = folder.path / "variance.nc", 0 if diagnosis.converged else NOT_CONVERGED
    if options.json:
        print(shares.assign(converged=diagnosis.converged).to_json(orient="records", indent=1))
        return status
    if not diagnosis.converged:
        again = ["probe", "variance", folder.path, "--draws", str(2 * options.draws)]
        again += [] if options.model is None else ["--model", options.model]
        again += [] if options.score == "gold_log_odds" else ["--score", options.score]
        print("\n".join(unread_lines(diagnosis, written, again, anyway=options.anyway)))
    if diagnosis.converged or options.anyway:
        need = "accuracy" if options.score == "accuracy" else "gold_probability"
        print_lines(dropped_sentences(answers, need=need))
        print("\n".join(share_lines(shares, model=outcomes["model"].iloc[0], score=options.score)))
    if diagnosis.converged:
        print_lines(diagnosis.sentences)
        print("\n".join(written_lines(written, ["probe", "report", folder.path])))
    return status
