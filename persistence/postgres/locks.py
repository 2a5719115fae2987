"""The advisory locks of the database: each is somebody's turn. Arbitrary numbers, all different."""

import enum


@enum.unique
class Lock(enum.IntEnum):
    # These two stay as they are for ever: a program of another version must find them taken, too.
    SCHEMA = 8_653_215_571
    """Making or upgrading the schema."""
    WRITER = 8_653_215_572
    """Writing the journal. Whoever holds it decides."""
    PARTS = 8_653_215_573
    """Making parts of the journal ahead: two who do make them once."""
    ARCHIVE = 8_653_215_574
    """Moving parts of the journal, and months of history, into the archive."""
    JETSTREAM = 8_653_215_575
    """Telling the topics to JetStream."""
    KAFKA = 8_653_215_576
    """Telling the topics to Kafka."""
