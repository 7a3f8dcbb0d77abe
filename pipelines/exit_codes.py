"""Define the exit codes of the command `textmill`."""

SUCCEEDED = 0
FAILED = 1
INPUT_ERROR = 2  # the user has to fix the text, vocabulary, a setting or a folder
CANCELLED = 3  # the watched run on Vertex AI was cancelled
TERMINATED = 143  # SIGTERM, which a cluster sends before it reclaims a machine
INTERRUPTED = 130  # Ctrl-C; the shell's code for SIGINT
