"""The relay: events of the topics, as the journal tells them, for readers behind a message broker."""
