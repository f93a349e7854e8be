"""What every room stands on: errors, canonical keys, atomic files, named random streams, progress.

Imports nothing of ours.
"""
