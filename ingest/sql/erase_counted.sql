-- What one erasure is to delete and to rewrite: one row (events_deleted, events_rewritten, links_deleted, values_deleted,
-- quarantine_entries). An event counts once, whatever its copies. Parameters: tenant, table (erase_begin.sql).
WITH
    (SELECT groupArray((object_type, object_id)) FROM {table:Identifier} WHERE kind = 'subject') AS subjects,
    (
        SELECT uniqExactIf(event_id, fate = 1)
        FROM {table:Identifier}
        WHERE kind = 'event'
    ) AS rewritten
SELECT
    (
        SELECT uniqExactIf(event_id, fate = 2)
        FROM {table:Identifier}
        WHERE kind = 'event'
            AND event_id NOT IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'event' AND fate = 1)
    ) AS events_deleted,
    rewritten AS events_rewritten,
    (
        SELECT count()
        FROM object_links FINAL
        WHERE tenant = {tenant:String}
            AND (has(subjects, (toString(from_type), from_id)) OR has(subjects, (toString(to_type), to_id)))
    ) AS links_deleted,
    (
        SELECT count()
        FROM object_attributes FINAL
        WHERE tenant = {tenant:String}
            AND
            (
                has(subjects, (toString(object_type), object_id))
                OR value IN (SELECT text FROM {table:Identifier} WHERE kind = 'value')
            )
    ) AS values_deleted,
    (SELECT uniqExact(event_id) FROM {table:Identifier} WHERE kind = 'entry') AS quarantine_entries
