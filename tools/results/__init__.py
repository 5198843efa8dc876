"""`make results`: train every program, and write down what each has reached beside what it should.

`table` says which commands are run and what counts; `run` runs them and writes docs/results.md.
"""
