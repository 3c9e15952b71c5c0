"""Pages, tables and pictures for people."""
