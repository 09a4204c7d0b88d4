-- The shape of the curves by which a refresh finds due instants (mining/due_curves.py). Each refresh that needs some
-- uses a table of its own with this shape, in memory; this one stays empty. One row per piece of a curve, which begins
-- at the number of its curve times 2^55 plus x. The value at x' is y + (x' - x), at most upto; y -1: there is none.
CREATE TABLE IF NOT EXISTS due_curves
(
    begins Int64,
    y Int64,
    upto Int64
)
ENGINE = Memory
