"""What a demo has to show, as its tour tells it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Claim(StrEnum):
    """What a scene claims."""

    FOUND = "found"  # a rule of this service finds it
    PLANTED = "planted"  # it is in the data, and nothing here finds it yet
    SILENT = "silent"  # it looks like trouble and is none: nothing may be found


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: what happened, in a sentence with the figures of the data, and where to look at it.

    `link`: path and query of a page of this service; `see`: what is there, for the words of the link. `processes`:
    those that it tells of; who may not read all of them is not shown it.
    """

    title: str
    claim: Claim
    sentence: str
    why: str
    link: str
    see: str
    processes: tuple[str, ...]
