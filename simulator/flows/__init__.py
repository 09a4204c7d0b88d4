"""What the retailer does: one module per flow, each with `start`, which has it begin in a world.

Flows follow from each other by news (`World.on`, `World.announce`), so that none has to know the others:

- `order placed` (order, at_us)
- `order cancelled` (order, at_us, why)
- `out of stock` (order, places, at_us): articles and locations of which there is not enough
- `goods issued` (order, job, lines, at_us): pieces leave a location for an order; `job` is the delivery, the
  store_fulfilment or the pickup
- `order late` (order, thing, at_us): the promised time is over; `thing` is the parcel or the pickup
- `order delivered` (order, at_us, late)
- `order completed` (order, at_us): it is invoiced and paid

News may be announced some time before their instant: whoever hears them waits until `at_us` first.
"""
