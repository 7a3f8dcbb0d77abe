"""Tests see what a user sees, and a run in CI sees what the run before it saw."""

import os
import signal

from hypothesis import settings

from pipelines.quiet import hush

hush(verbose=False)

# A shell that starts the tests in the background has Ctrl-C ignored, and so would every command
# that a test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# CI tries the same cases every time, so that it fails for what changed and for nothing else;
# elsewhere every run tries new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "explore")
