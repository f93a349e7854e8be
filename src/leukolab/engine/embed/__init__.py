"""Outputs of frozen networks' layers, and numbers of cells, as features of images, kept in the home folder."""
