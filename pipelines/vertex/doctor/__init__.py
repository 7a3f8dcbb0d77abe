"""Check this machine and a project on Google Cloud for problems that would stop a run."""
