"""What stands on the wire: bodies in and out, codes, pages of lists, topics; how each is read and written."""
