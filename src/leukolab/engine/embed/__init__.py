"""Outputs of frozen networks' layers as features of images, kept in the home folder."""
