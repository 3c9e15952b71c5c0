"""Tables as people and programs write them: the layout of a text, the names of columns, numbers and dates."""
