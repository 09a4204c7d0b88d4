-- Write down what an erased subject is known again by. Parameters: tenant, erasure, key, digests, texts and own (hex),
-- lengths, everywhere, erased_at.
INSERT INTO erased_subjects
SELECT
    {tenant:String},
    unhex({erasure:String}),
    unhex({key:String}),
    arrayMap(one -> unhex(one), {digests:Array(String)}),
    arrayMap(one -> unhex(one), {texts:Array(String)}),
    arrayMap(one -> unhex(one), {own:Array(String)}),
    {lengths:Array(UInt32)},
    {everywhere:UInt8},
    {erased_at:DateTime64(6, 'UTC')}
