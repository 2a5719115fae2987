"""The link: what a leader and the processes that follow it on the same machine say to each other."""
