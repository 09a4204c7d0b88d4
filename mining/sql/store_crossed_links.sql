-- Add the links that the paths of a process cross, from both sides, of the batches after since_batch. Which way a link
-- was told, its qualifier and its source do not matter. Parameters: tenant, process, since_batch (0 for all),
-- near_types and far_types (the pairs of neighbouring types).
INSERT INTO crossed_links
SELECT {tenant:String}, {process:String}, side.1, side.2, side.3, side.4
FROM object_links
ARRAY JOIN
    [
        (toString(from_type), from_id, toString(to_type), to_id),
        (toString(to_type), to_id, toString(from_type), from_id)
    ] AS side
WHERE tenant = {tenant:String}
    AND batch > {since_batch:UInt64}
    AND arrayExists(
        (near, far) -> ((side.1 = near) AND (side.3 = far)) OR ((side.1 = far) AND (side.3 = near)),
        {near_types:Array(String)},
        {far_types:Array(String)})
