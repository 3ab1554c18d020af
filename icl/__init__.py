"""A lab for in-context learning. One sentence runs it:

    prompts = render(task, demonstrations, query, format);  scores = score(prompts);  tree = fit(scores)

`icl` is the science: pure functions on values, no disk (but for reading tasks and families), no screen. Its rooms:
`tasks` (what is asked), `prompts` (how it is asked), `ginc` (the world with known truth), `concept` (what the model
inferred), `metrics` (score table → sensitivities with uncertainty), and `scores` (the table between them).
"""
