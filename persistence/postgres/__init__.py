"""What speaks to PostgreSQL: the embedded server, connections, upgrades of the schema, statements, packing.

It knows rows and columns, not what they mean.
"""
