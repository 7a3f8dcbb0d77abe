"""Publisher: publish a blessed model with its card as a new version."""
