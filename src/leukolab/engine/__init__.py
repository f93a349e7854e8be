"""The torch wall: the only room that imports torch and timm."""
