"""Name the files in artifacts, runs and workdirs that more than one module reads or writes."""

TRANSFORMERS_FOLDER = "transformers"  # of a model, in the format of Hugging Face

# In artifacts.
TEXT_FILES = "files.jsonl"  # documents: name and sha256 of each text file, by name
HISTOGRAMS = "histograms.json"  # instances
TOKEN_COUNTS = "token_counts.npy"  # noqa: S105 - of instances
TRAINING = "training.json"
METRICS = "metrics.json"  # of the ModelEvaluator
DOWNSTREAM = "downstream.json"
CARD = "README.md"
PUBLISHED = "published.json"
REPORT = "report.html"

# In the folder of a run.
RECIPE = "recipe.yaml"
SUMMARY = "summary.json"

# In a workdir.
STORE = "metadata.sqlite"
HOLDER = ".holder.json"  # pid, host and start of the process that holds the lock
