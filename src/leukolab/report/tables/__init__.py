"""Tables as sheets, and their ways out: CSV, LaTeX, page."""
