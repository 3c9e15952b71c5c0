"""Reports for people: pages, tables and figures."""
