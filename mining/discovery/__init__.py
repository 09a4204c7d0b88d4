"""Process models from logs.

`inductive.discover` mines the selected cases of a process and gives a `Model`: a process tree and, made from it, a
BPMN diagram, a Petri net and drawings. The miner is pm4py's; it sees each variant once, with the number of its cases.
Everything after the tree is ours, for three reasons: equal input must give equal bytes (pm4py's writers draw random
ids), a drawing must need no Graphviz program, and names of activities come from files that nobody checked.

- `tree`: the process tree as plain data.
- `diagram`: what a drawn model consists of; names as lines of text.
- `bpmn`, `petri`: the tree as a diagram of that notation, laid out, and its XML form (BPMN 2.0 with diagram
  interchange, PNML); `reduction` takes needless silent steps out of nets.
- `drawing`: SVG of diagrams and of the tree itself.
- `markup`: XML text in which names cannot become anything but text.

A process tree is made of blocks with one way in and one way out (Leemans, Fahland, van der Aalst 2013, "Discovering
Block-Structured Process Models from Event Logs"), so layout needs no search: a sequence goes from left to right,
alternatives and parallel branches stand below each other, and a loop returns underneath. It takes one pass, and no
name takes part in it.
"""

from mining.discovery.inductive import Model, discover

__all__ = ["Model", "discover"]
