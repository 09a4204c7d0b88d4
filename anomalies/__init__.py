"""What is wrong: rules and detectors that make findings, and the incidents that findings of one cause become.

A scorer scores, a filter decides, an explainer says why (`base`). Rules are YAML (`rules`). Findings are rows of the
warehouse that never change; incidents are rows of the state database; they join by id.
"""
