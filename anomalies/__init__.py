"""What is wrong: rules and detectors that make findings, and the incidents that findings of one cause become.

A scorer scores, a filter decides, an explainer says why (`base`). Rules are YAML (`rules`, `rule_models`). Findings are
rows of the warehouse that never change; incidents are rows of the state database; they join by id.

- The event that did not come: `usual_wait` and `silence` learn what is usual, `missing_event` decides between a step
that
  did not happen and a source that is silent, `ended_waits` tells how such findings end.
- Cases unlike their peers: `usual_paths` and `case_features` read the paths, `isolation_forest` and `robust_z` score,
  `filters` decide, `peers` explain, `unusual_cases` makes findings.
- `backtest` asks any of them at instants of the past.

What is usual is learned apart from asking, since it costs more and changes slowly: whoever runs a rule learns once a
day, and keeps what was learned.
"""
