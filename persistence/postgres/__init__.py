"""What speaks to PostgreSQL: the embedded server, connections, upgrades of the schema, the packing of rows.

It knows rows and columns, not what they mean.
"""
