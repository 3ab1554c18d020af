"""What does contextual calibration change? (Zhao §4)"""

from icl.prompts.formats import TEXT_FORMAT
from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="contextual-calibration",
    question="What does contextual calibration change?",
    metrics=("contextual_calibration_gain", "expected_calibration_error_change"),
    text=(Grid(label_modes=("gold",), formats=(TEXT_FORMAT, "qa", "arrow"), shots=(0, 4, 8)),),
)
