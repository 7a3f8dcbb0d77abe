"""Publisher: a blessed model and its card to a folder that a server watches."""
