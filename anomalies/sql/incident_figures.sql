-- What incidents come to: one row per incident and currency of what is at stake ('' where it is not priced), with
-- incident_id (32 hex digits), currency, findings (ever found), open (whose trouble has not ended), cases (distinct ones
-- among the open), value and lost_per_hour (sums over the open, 0 where not priced), since (of the open the earliest)
-- and deadline (of the open the first); both null for none. Ordered by incident_id and currency.
-- Only findings of the stores named count; all: 1 for every store.
-- Parameters: tenant, incidents (32 hex digits each), all, stores.
SELECT
    lower(hex(findings.incident_id)) AS incident_id,
    if(isNull(findings.value), '', toString(findings.currency)) AS currency,
    count() AS findings,
    countIf(NOT ended) AS open,
    uniqExactIf(case_id, (NOT ended) AND (case_id != '')) AS cases,
    sumIf(ifNull(findings.value, toDecimal128(0, 6)), NOT ended) AS value,
    sumIf(ifNull(findings.lost_per_hour, toDecimal128(0, 6)), NOT ended) AS lost_per_hour,
    minOrNullIf(findings.since, NOT ended) AS since,
    minOrNullIf(findings.deadline, NOT ended) AS deadline
FROM
(
    SELECT
        *,
        finding_id IN (SELECT finding_id FROM finding_ends WHERE tenant = {tenant:String}) AS ended
    FROM findings FINAL
    WHERE tenant = {tenant:String}
        AND incident_id IN (SELECT toFixedString(unhex(arrayJoin({incidents:Array(String)})), 16))
        AND (({all:UInt8} = 1) OR has({stores:Array(String)}, toString(store)))
) AS findings
GROUP BY incident_id, currency
ORDER BY incident_id, currency
