"""Figures with a target: how promises are kept at one instant, in cases, time and money.

`sla` says of every case of a promise whether it is met, breached, at risk, paused or open; one definition for pages,
API, findings and playbooks. SQL in `sql/`, one question per file.
"""
