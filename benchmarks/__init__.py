"""The benchmark harness: Gembascope beside its peers, in one run, CPU seconds first.

`python -m benchmarks` makes a log (`synthetic`), gives every engine its own fresh process (`worker`, started by
`plan`), lets the engines take turns for a few rounds, compares their answers (`agreement`: a disagreement fails the
run), and keeps medians (`figures`), which `report` renders into README.md beside the goals (`goals`).

One module per engine holds how it is driven: `engine_gembascope`, `engine_polars`, `engine_pm4py`, `engine_r4pm`,
`engine_duckdb`. All questions and what counts as the same answer: `answers`.
"""
