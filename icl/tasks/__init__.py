"""What is asked: tasks as values, made from built-in grammars, local files or Hub data sets.

`task.py` holds the record, `catalogue.py` turns a name into one; `builtin.py` (with its words in
`wordlists.py`), `files.py` and `hub.py` are where pools come from, and `rows.py` cleans the rows of the last two.
"""
