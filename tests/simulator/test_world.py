"""What the simulated world promises: the same bytes again, one queue, opening hours with clock changes."""

from __future__ import annotations

from datetime import date, datetime, timezone

from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation
from simulator.world.crew import Crew
from simulator.world.draws import Draws
from simulator.world.times import HOUR, Hours, as_datetime, instant_us

MONDAY = date(2026, 3, 23)
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("08:00", "16:00"))


def told(days: int = 4, seed: int = 7, **faults: object) -> list[str]:
    scenario = Scenario.model_validate({"id": "x", **faults})
    simulation = Simulation(first=MONDAY, days=days, orders_per_day=40, seed=seed, scenario=scenario)
    return [repr(fact) for day in simulation.days() for fact in day.facts]


def test_the_same_seed_tells_the_same_and_another_one_does_not() -> None:
    first = told()
    assert len(first) > 1000
    assert told() == first
    assert told(seed=8) != first


def test_days_give_everything_once_in_the_order_in_which_it_is_told() -> None:
    simulation = Simulation(first=MONDAY, days=3, orders_per_day=30)
    facts = [fact for day in simulation.days() for fact in day.facts]
    assert [fact.seen_us for fact in facts] == sorted(fact.seen_us for fact in facts)
    assert len({fact.number for fact in facts}) == len(facts)
    assert all(fact.at_us <= fact.seen_us < simulation.world.end_us for fact in facts)


def test_opening_hours_keep_their_zone_over_a_change_of_clocks() -> None:
    start = instant_us(datetime(2026, 3, 23, tzinfo=timezone.utc))
    hours = Hours("Europe/Berlin", WEEK, start, start + 14 * 24 * HOUR, closed=[date(2026, 3, 31)])
    friday = instant_us(datetime(2026, 3, 27, 14, 30, tzinfo=timezone.utc))  # 15:30 there, half an hour before the end
    assert as_datetime(hours.add(friday, HOUR)) == datetime(2026, 3, 30, 6, 30, tzinfo=timezone.utc)  # summer time
    monday = instant_us(datetime(2026, 3, 30, 20, 0, tzinfo=timezone.utc))
    assert as_datetime(hours.at_work(monday)) == datetime(2026, 4, 1, 6, 0, tzinfo=timezone.utc)
    assert not hours.is_open(monday)
    assert hours.between(friday, monday) == 8 * HOUR + HOUR // 2
    assert hours.between(monday, monday + HOUR) == 0


def test_a_crew_is_one_queue() -> None:
    """Against the plain way: whoever is free first takes the next; nobody begins before one who came earlier."""
    start = instant_us(datetime(2026, 3, 23, tzinfo=timezone.utc))
    hours = Hours("UTC", WEEK, start, start + 30 * 24 * HOUR)
    crew, draws, free = Crew("packer", [(hours, 3)]), Draws(1, "x"), [0, 0, 0]
    at_us, begun = start, 0
    for _ in range(300):
        at_us += draws.duration_us(600, 1.0)
        work_us = draws.duration_us(1500, 0.5)
        done = crew.do(at_us, work_us)
        free.sort()
        begins_us = hours.at_work(max(at_us, free[0]))
        free[0] = hours.add(begins_us, work_us)
        assert (done.start_us, done.end_us) == (begins_us, free[0])
        assert done.start_us >= begun
        begun = done.start_us
