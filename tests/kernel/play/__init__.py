"""What people, market makers and administrators may try, right or wrong: the rules of the property tests.

Each module adds its rules to the same ground; together they reach every command the exchange knows.
"""
