-- How each source tells of what happens, as far as it came at run time and was seen since an instant: one row per source
-- and, with by_store = 1, per store that its events name (an object of the type store, else an attribute of that name; ''
-- for neither). lags_s: median, 95th and 99th percentile of the seconds from what happened to when it was seen, exact and
-- interpolated. gaps_s: median and 99th percentile of the seconds between two seconds in which anything was seen.
-- complete_until: what happened until then was told, as far as its 99th percentile says.
-- Parameters: tenant, sources (empty: all), since, by_store.
WITH
    told AS
    (
        SELECT
            toString(source) AS source,
            if({by_store:UInt8} = 0, '', if(arrayExists(one -> one.type = 'store', objects),
                arrayFirst(one -> one.type = 'store', objects).id, JSONExtractString(attributes, 'store'))) AS store,
            occurred_at,
            seen_at,
            greatest(dateDiff('microsecond', occurred_at, seen_at), 0) / 1e6 AS lag_s
        FROM events
        WHERE tenant = {tenant:String} AND mode = 'live' AND seen_at >= {since:DateTime64(6, 'UTC')}
            AND (empty({sources:Array(String)}) OR source IN {sources:Array(String)})
    ),
    beats AS
    (
        SELECT source, store, second - lagInFrame(second, 1, second) OVER
            (PARTITION BY source, store ORDER BY second ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS gap_s
        FROM (SELECT DISTINCT source, store, toUnixTimestamp(seen_at) AS second FROM told)
    ),
    rhythms AS
    (
        SELECT source, store, quantilesExactInclusive(0.5, 0.99)(gap_s) AS gaps_s
        FROM beats
        WHERE gap_s > 0
        GROUP BY source, store
    )
SELECT
    source,
    store,
    count() AS events,
    max(occurred_at) AS last_occurred_at,
    max(seen_at) AS last_seen_at,
    quantilesExactInclusive(0.5, 0.95, 0.99)(lag_s) AS lags_s,
    any(rhythms.gaps_s) AS gaps_s,
    max(seen_at) - toIntervalMicrosecond(toUInt64(lags_s[3] * 1e6)) AS complete_until
FROM told
LEFT JOIN rhythms USING (source, store)
GROUP BY source, store
ORDER BY source, store
