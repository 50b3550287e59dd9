"""An order's timeline as server-sent events, told by a process that holds nothing but streams."""
