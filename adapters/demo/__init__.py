"""`verdict demo`: an exchange with traders, to look at."""
