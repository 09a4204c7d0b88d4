"""The demo: a retailer of whom all that goes wrong is known, on a clock of its own.

`history` makes and loads what happened until the demo begins, `coming` and `world` tell what happens while somebody
looks, and `tour` says what there is to see, with the figures that the retailer's own data give.
"""
