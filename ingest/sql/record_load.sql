-- Record the state of a load. Parameters: the columns of loads; ended_at may be null.
INSERT INTO loads
SELECT
    {tenant:String}, unhex({load_id:String}), {version:UInt64}, {source:String}, {process:String}, {file_name:String},
    unhex({file_sha256:String}), {mapping:String}, {state:String}, {received:UInt64}, {stored:UInt64},
    {duplicate:UInt64}, {quarantined:UInt64}, {refused:UInt64}, {conflicts:UInt64},
    {started_at:DateTime64(6, 'UTC')}, {ended_at:Nullable(DateTime64(6, 'UTC'))}
