"""What the command `textmill` ends with."""

SUCCEEDED = 0
FAILED = 1
INPUT_ERROR = 2  # text, vocabulary, setting or folder that the user has to mend
CANCELLED = 3  # the run on Vertex AI that was waited for was cancelled
TERMINATED = 143  # SIGTERM, as a cluster sends it before it takes a machine away
INTERRUPTED = 130  # Ctrl-C; the shell's code for SIGINT
