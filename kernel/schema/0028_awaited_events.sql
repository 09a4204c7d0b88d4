-- What cases waited for, as it stood at an instant: one row per wait, which begins with the first `after` since the
-- case began, or since the last wait was over, and is over with the next of `expect` (answered) or of `unless` (ended
-- otherwise, what is in both answers). A repeated `after` does not begin it anew. nth: which of the case's `after`
-- events began it, from 1.
-- asked_us, over_us: microseconds, as exact as the stamps of cut_cases; over_us 0 while it lasts. outcome: 'answered',
-- 'ended' or 'waiting'. is_dated: 1 where the case has business dates, so that the length of the wait is not known.
-- Parameters: those of cut_cases, after, expect, unless.
CREATE VIEW IF NOT EXISTS awaited_events AS
WITH
    marked AS
    (
        SELECT
            case_id, state, started_at, ended_at, due_at, attributes,
            date_only > 0 AS is_dated,
            stamps_us,
            arrayMap(
                activity -> transform(activity, meant, meanings, 0),
                activities) AS kinds
        FROM
        (
            SELECT
                *,
                arrayMap(
                    name -> toUInt32(sipHash64(name)),
                    arrayConcat([{expect:String}], {unless:Array(String)}, [{after:String}])) AS meant,
                arrayConcat([2], arrayMap(name -> 3, {unless:Array(String)}), [1]) AS meanings
            FROM cut_cases(
            tenant = {tenant:String},
            process = {process:String},
            since = {since:Nullable(DateTime64(6, 'UTC'))},
            until = {until:Nullable(DateTime64(6, 'UTC'))},
            anchor = {anchor:String},
            attribute_names = {attribute_names:Array(String)},
            attribute_values = {attribute_values:Array(Array(String))},
            with_activities = {with_activities:Array(String)},
            variants = {variants:Array(String)},
            min_duration_us = {min_duration_us:Nullable(Int64)},
            max_duration_us = {max_duration_us:Nullable(Int64)},
            edge_source = {edge_source:String},
            edge_target = {edge_target:String},
            states = {states:Array(String)},
            ends = {ends:Array(String)},
            cut = {cut:DateTime64(6, 'UTC')})
        )
    ),
    told AS
    (
        SELECT
            * EXCEPT (kinds, stamps_us),
            arrayFilter(mark -> mark.1 > 0, arrayZip(kinds, stamps_us, arrayCumSum(kind -> kind = 1, kinds))) AS marks
        FROM marked
        WHERE has(kinds, 1)
    ),
    turned AS
    (
        SELECT
            * EXCEPT (marks),
            arrayFilter(
                (mark, before) -> NOT (mark.1 = 1 AND before = 1),
                marks,
                arrayPopBack(arrayPushFront(marks.1, 0))) AS turns
        FROM told
    )
SELECT
    case_id, state, started_at, ended_at, due_at, attributes, is_dated,
    turn.2 AS asked_us,
    turn.3 AS nth,
    next.2 AS over_us,
    multiIf(next.1 = 2, 'answered', next.1 = 3, 'ended', 'waiting') AS outcome
FROM turned
ARRAY JOIN
    turns AS turn,
    arrayPushBack(arrayPopFront(turns), (0, toInt64(0), toUInt32(0))) AS next
WHERE turn.1 = 1
