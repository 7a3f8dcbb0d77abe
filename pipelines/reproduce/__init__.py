"""Make a recorded run again in a new workdir, and compare the bytes."""
