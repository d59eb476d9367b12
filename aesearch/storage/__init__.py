"""The folder of an index: layout, database, revisions, lock."""
