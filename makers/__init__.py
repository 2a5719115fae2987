"""What executes the market-making orders of users: a customer of the exchange that trades for others.

`quoter` decides what one order offers; whoever runs it brings the order's view and carries the plan out.
"""
