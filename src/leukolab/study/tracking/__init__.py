"""Mirrors finished runs into a tracker."""
