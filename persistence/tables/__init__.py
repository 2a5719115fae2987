"""What is told of the past and of users: the tables, who writes them, and the checks that they agree.

All of it but the users and their sessions could be made again from the journal.
"""
