"""Plan a run without executing it: which nodes run and why, and what training costs."""
