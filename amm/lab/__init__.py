"""The laboratory: the brain against the exchange's kernel and simulated traders, in simulated time.

It is the only room that imports the kernel. It opens no socket, and all its chance comes from the run's seed.
"""
