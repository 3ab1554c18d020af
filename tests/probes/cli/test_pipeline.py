"""The lab end to end: run, fit and report through the command line; the demo as a newcomer types it."""

import re

import pytest
import xarray as xr

from probes.cli.main import main


def test_run_fit_and_report_on_sentences(tmp_path, capsys):
    out = str(tmp_path / "run")
    arguments = ["run", "--model", "copy-last-label", "--task", "sentiment", "--label-modes", "gold,flipped"]
    assert main([*arguments, "--shots", "0,2,8", "--queries", "16", "--demonstration-sets", "3", "--out", out]) == 0
    assert main(["fit", out, "--draws", "60", "--tune", "60", "--chains", "2", "--anyway"]) in (0, 3)
    said = capsys.readouterr().out
    assert "P(signal" in said
    assert "no: read drift" in said  # one example length: signal and noise are not told apart
    assert main(["report", out]) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert not re.search(r"https?://|<script|@import", page)
    assert list((tmp_path / "run" / "figures").glob("*.png"))
    with xr.open_datatree(tmp_path / "run" / "fits" / "drift-diffusion.counts.nc") as tree:
        assert {"signal", "noise", "drift"} <= set(tree["posterior"].data_vars)
        groups = {"prior", "posterior", "posterior_predictive", "log_likelihood", "observed_data"}
        assert groups <= {name.strip("/") for name in tree.groups}


@pytest.mark.slow
def test_the_demo_leads_with_an_answer(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), "--queries", "40"]) in (0, 3)
    said = capsys.readouterr().out
    assert "ginc-small" in said
    assert "The whole lab took" in said
    assert {"experiment.toml", "manifest.json", "scores", "metrics.parquet", "fits", "report.html"} <= {
        path.name for path in (tmp_path / "demo").iterdir()
    }
