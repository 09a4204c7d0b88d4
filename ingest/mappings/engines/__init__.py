"""What workflow engines hand out of a run, made one model that packs map.

A document of one execution becomes one record, `{"run": …, "moments": […]}`. `run` has `id`, `workflow`,
`workflow_id`, `status`, `retry_of`, `parent`, `mode`, `actor`, `input` (what it was started with) and `custom` (names
and values that its workflow set). A moment has

    id       unique in the run, the same whenever the document comes again
    place    its number, which orders moments of one instant
    kind     started, step_started, step, retry, waiting, resumed, signal or ended
    at       when, as RFC 3339; `started_at`, `scheduled_at`: when what ends with it began, and was asked for
    step     name of the node, activity, timer, signal or child workflow, and `step_kind`, which of these
    attempt  from 1
    outcome  ok, error, timeout, retry or rejected
    error    {"code", "message"}, where it went wrong
    until    of waiting: when it goes on
    result   of ended: completed, failed, timed_out, canceled, terminated or continued
    child    {"id", "workflow"} of a child workflow
    note     what the workflow's author wrote beside it

in the order of the engine. What is absent is null or left out. A document that is none is a record as it is, so that
a pack can map what else the engine writes. Nothing that is sent raises: what is not of its type counts as absent.
"""
