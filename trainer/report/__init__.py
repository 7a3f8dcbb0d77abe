"""Report a run: figures before it starts, progress while it runs, facts when it ends."""
