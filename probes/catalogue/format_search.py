"""The best and the worst of many formats by a budgeted search: Thompson sampling over the grammar (Sclar §4)."""

from probes.catalogue.probe import Grid, Probe

PROBE = Probe(
    name="format-search",
    question="How far apart are the best and the worst of many formats, found with few prompts?",
    metrics=("format_search_spread",),
    text=(Grid(label_modes=("gold",), formats=("sampled(24)",), shots=(4,)),),
    searches=True,
)
