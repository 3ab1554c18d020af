"""What is asked: tasks as values, made from built-in grammars, local files or Hub data sets.

`task.py` holds the record, `catalogue.py` turns a name into one; `builtin.py` (with its words in `wordlists.py`),
`files.py` and `hub.py` are where pools come from, and `rows.py` and `cells.py` clean the rows of the last two.
`min2022.py` loads the 26 data sets of Min et al. 2022, which `min2022_sets.py` lists as records of `min2022_record.py`.
"""
