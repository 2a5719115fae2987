"""The market maker: an ordinary customer of the exchange with a few privileges.

Three rooms. `brain` decides, `live` runs it against the exchange, `lab` runs it in simulated time. `live` and
`lab` know `brain` and not each other; only `lab` knows the exchange's own code, since it plays the exchange.
"""
