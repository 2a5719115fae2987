"""What is sent and received: bodies, codes, pages of lists, events; how each is read and written."""
