-- Note as touched for a process the objects that got a link which its paths cross: those on the side of the case.
-- Parameters: tenant, process, since_batch, through_batch, near_types and far_types (the pairs of neighbouring types).
INSERT INTO touched_objects (tenant, object_type, batch, object_id, touched_for)
SELECT {tenant:String}, side.1, {through_batch:UInt64}, side.2, {process:String}
FROM object_links
ARRAY JOIN
    [
        (toString(from_type), from_id, toString(to_type)),
        (toString(to_type), to_id, toString(from_type))
    ] AS side
WHERE tenant = {tenant:String}
    AND batch > {since_batch:UInt64}
    AND batch <= {through_batch:UInt64}
    AND arrayExists(
        (near, far) -> (side.1 = near) AND (side.3 = far),
        {near_types:Array(String)},
        {far_types:Array(String)})
