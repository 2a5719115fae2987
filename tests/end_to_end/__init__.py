"""The whole program as people meet it: started as a process, spoken to from outside."""
