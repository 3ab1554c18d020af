"""What is asked: tasks as values, made from built-in grammars, local files or Hub data sets.

`protocol.py` says what prompts, probes and scorers need of a task of any kind; worlds with known truth implement it,
as does `task.py`, the record of a task with rows, from which `draw.py` draws queries and `demonstrations.py`.
`catalogue.py` turns a name into a task; `builtin.py` (with its words in `wordlists.py`), `local.py` (whose files
`files.py` reads) and `hub.py` are where rows come from, and `rows.py` and `cells.py` clean those of the last two.
`min2022.py` loads the 26 data sets of Min et al. 2022, which `min2022_sets.py` lists as records of `min2022_record.py`.
"""
