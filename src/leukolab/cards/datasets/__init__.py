"""One file or folder per data set: its card, its reader, its proof. What is put here is found by the registry."""
