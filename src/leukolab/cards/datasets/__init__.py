"""One file a data set: its card and its reader. A file put here is found by the registry."""
