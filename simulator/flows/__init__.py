"""What the retailer does: one module per flow, each with `start`, which has it begin in a world.

Flows follow from each other by news (`World.on`, `World.announce`), so that none has to know the others:

- `order placed` (order, at_us)
- `order sent to ERP` (order, sent_us, there_us): it is paid; `there_us` None: it never gets there, as far as is known
- `order cancelled` (order, at_us, why)
- `out of stock` (order, places, at_us): articles and locations of which there is not enough
- `goods issued` (order, job, lines, at_us): pieces leave a location for an order; `job` is the delivery, the
  store_fulfilment or the pickup
- `order late` (order, thing, at_us): the promised time is over; `thing` is the parcel or the pickup
- `order delivered` (order, at_us, late)
- `order completed` (order, at_us): it is invoiced and paid
- `return received` (ret, at_us): the goods are taken in, by the returns centre or a store
- `goods returned` (ret, at_us): they are on stock again, at `ret.location`
- `return posted` (ret, at_us): the ERP knows; `ret.order.marketplace` where it was sold on one
- `refund paid` (ret, at_us)
- `refund late` (ret, at_us): the promised time after receipt is over, and the money is not there
- `return wanted` (order, at_us, reason): customer service has the customer send something back
- `sale completed` (sale, till, paid_by, cents, at_us): at a till
- `pieces sold` (place, pieces, at_us), `shelf empty` (place, pieces, at_us): what a customer at a till took of an
  article, or would have taken
- `negative stock` (place, at_us): the ERP believes in less than nothing
- `stock corrected` (place, kind, at_us): the count has changed and has to be told; `kind` is correction or oversell
- `stock committed` (sku, pieces, at_us): so many are to be ordered in addition, for a promotion

News may be announced some time before their instant: whoever hears them waits until `at_us` first. Some come
afterwards, such as that an order was delivered of which the rest was given up: what follows, follows from then on.
"""
