"""What does contextual calibration change? (Zhao §4)"""

from probes.designs.design import Grid, Probe

PROBE = Probe(
    name="calibration",
    question="What does contextual calibration change?",
    metrics=("calibration_gain", "calibration_error_change"),
    text=(Grid(label_modes=("gold",), formats=("input-output", "qa", "arrow"), shots=(0, 4, 8)),),
)
