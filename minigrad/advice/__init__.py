"""Answers to names and keywords that minigrad lacks or calls otherwise: an error that says what to write instead.

Start with `answers`; `names` and `parts` are its tables, and `missing` makes the errors when a tensor is asked.
"""
