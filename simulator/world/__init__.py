"""The simulated retailer: its clock, places, people, stock and systems.

One `World` holds everything. Flows (`simulator.flows`) are SimPy processes that act in it and tell its `Recorder` what
happens; scenarios (`simulator.faults`) say what goes wrong; `simulator.emit` writes what each system would tell. All
chance follows from the seed: the same arguments give the same bytes.
"""
