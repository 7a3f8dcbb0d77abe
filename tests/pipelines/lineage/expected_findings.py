"""Name the finding that each planted change must cause: its path and its problem."""

from tests.pipelines.lineage.planted_changes import (
    DOCUMENTS,
    EVAL,
    EVALUATION,
    FIRST,
    INSTANCES,
    INSTANCES_TRAIN,
    MODEL,
    PUBLISHED,
    PUSHED,
    TRAIN,
    TRAINING,
    VOCABULARY,
)

OTHER_BYTES = "its sha256 is not the one in the manifest"
LISTED = "the manifest lists this file, but it is gone"
STRANGER = "is not listed in a manifest"
OTHER_DOCUMENTS = "was made from documents other than artifact 1"
OTHER_INSTANCES = "was made from instances other than artifact 4"
OTHER_VOCABULARY = "was made with a vocabulary other than artifact 3"
SEALED = "is not what was sealed with run 20261123T000001Z"

EXPECTED = {
    # What manifests and ML Metadata reveal of themselves.
    "a bit of a documents shard": (TRAIN, OTHER_BYTES),
    "a bit in its middle": (TRAIN, OTHER_BYTES),
    "a documents shard cut short": (EVAL, "has 158 bytes instead of 159"),
    "a documents shard gone": (TRAIN, LISTED),
    "a documents shard repacked": (TRAIN, "has 472 bytes instead of 478"),
    "two shards swapped": (EVAL, "has 478 bytes instead of 159"),
    "all documents gone": (DOCUMENTS, "the artifact's folder is gone"),
    "a stranger among the documents": (f"{DOCUMENTS}/Split-train/documents-00001.gz", STRANGER),
    "the documents' manifest gone": (DOCUMENTS, "its manifest.json is gone"),
    "the documents' manifest no JSON": (
        f"{DOCUMENTS}/manifest.json",
        "not a manifest that this version can read",
    ),
    "a count of documents": (
        f"{DOCUMENTS}/manifest.json",
        "says 9 documents in train, but there are 4",
    ),
    "a count of sentences": (
        f"{DOCUMENTS}/manifest.json",
        "says 9 sentences in eval, but there are 1",
    ),
    "another corpus digest": (
        f"{DOCUMENTS}/files.jsonl",
        "its digests do not give the digest of the corpus",
    ),
    "another code of the documents": (
        f"{DOCUMENTS}/manifest.json",
        "names different code than ML Metadata",
    ),
    "documents dropped, manifest adjusted": (f"{VOCABULARY}/manifest.json", OTHER_DOCUMENTS),
    "the digest of a text file": (
        f"{DOCUMENTS}/files.jsonl",
        "its digests do not give the digest of the corpus",
    ),
    "the list of text files gone": (f"{DOCUMENTS}/files.jsonl", "is gone"),
    "a piece of the vocabulary": (f"{VOCABULARY}/vocab.txt", OTHER_BYTES),
    "the tokenizer gone": (f"{VOCABULARY}/tokenizer.json", LISTED),
    "another digest of the vocabulary": (
        f"{VOCABULARY}/manifest.json",
        "its digest of the vocabulary is not that of the files",
    ),
    "a manifest that points outside": (
        f"{VOCABULARY}/../../../TextExampleGen/examples/1/manifest.json",
        "the manifest lists a file outside its folder",
    ),
    "a vocabulary of other documents": (f"{VOCABULARY}/manifest.json", OTHER_DOCUMENTS),
    "a bit of the instances": (INSTANCES_TRAIN, OTHER_BYTES),
    "instances counted wrong": (
        f"{INSTANCES}/manifest.json",
        "says 9 instances in train, but there are 3",
    ),
    "instances of other documents": (f"{INSTANCES}/manifest.json", OTHER_DOCUMENTS),
    "instances of another vocabulary": (f"{INSTANCES}/manifest.json", OTHER_VOCABULARY),
    "the copied vocabulary": (f"{INSTANCES}/vocabulary/vocab.txt", OTHER_BYTES),
    "histograms gone": (f"{INSTANCES}/histograms.json", "is gone"),
    "a bit of the weights": (f"{MODEL}/transformers/model.safetensors", OTHER_BYTES),
    "a model file gone": (f"{MODEL}/saved_model.pb", LISTED),
    "a stranger in the model": (f"{MODEL}/transformers/pytorch_model.bin", STRANGER),
    "other settings of the model": (
        f"{MODEL}/manifest.json",
        "names different settings than ML Metadata",
    ),
    "a model of other instances": (f"{MODEL}/manifest.json", OTHER_INSTANCES),
    "other code of the model": (f"{MODEL}/manifest.json", "names different code than ML Metadata"),
    "a better loss": (EVALUATION, "says masked_lm_loss is 1.0, but ML Metadata says 3.91"),
    "no metrics": (EVALUATION, "has no readable metrics"),
    "a blessing gone": (
        "artifacts/tiny/ModelEvaluator/blessing/7/BLESSED",
        "is gone, but ML Metadata says that the model is blessed",
    ),
    "the card gone": ("artifacts/tiny/ModelCardGen/model_card/8", "the artifact's folder is gone"),
    "the report gone": (
        "artifacts/tiny/CorpusReportGen/report/5",
        "the artifact's folder is empty",
    ),
    "another note of the publication": (PUSHED, "says version 1, but ML Metadata says 1800000000"),
    "the published model gone": (PUBLISHED, "the published model is gone or incomplete"),
    "a bit of the published weights": (f"{PUBLISHED}/transformers/model.safetensors", OTHER_BYTES),
    "published weights, manifest adjusted": (
        f"{PUBLISHED}/manifest.json",
        "its content is not what was published",
    ),
    "the published card": (f"{PUBLISHED}/README.md", "has 16 bytes instead of 21"),
    "a stranger in the published folder": (f"{PUBLISHED}/evil.py", STRANGER),
    "the pointer to the latest": ("published/tiny/latest.json", "does not name a complete version"),
    "a loss in ML Metadata": (EVALUATION, "says masked_lm_loss is 3.91, but ML Metadata says 1.0"),
    "a verdict in ML Metadata": (
        "artifacts/tiny/ModelEvaluator/blessing/7/NOT_BLESSED",
        "is gone, but ML Metadata says that the model is not blessed",
    ),
    # What only a seal reveals.
    "the statistics": ("artifacts/tiny/DocumentStatistics/statistics/2/FeatureStats.pb", SEALED),
    "the report": ("artifacts/tiny/CorpusReportGen/report/5/report.html", SEALED),
    "the schema": ("artifacts/tiny/InstanceGen/schema/4/schema.pbtxt", SEALED),
    "the histograms": (f"{INSTANCES}/histograms.json", SEALED),
    "the training's history": (TRAINING, SEALED),
    "a count that nothing recounts": (f"{DOCUMENTS}/manifest.json", SEALED),
    "the recipe of a run": (f"{FIRST}/recipe.yaml", SEALED),
    "a reason for the blessing": (EVALUATION, SEALED),
    "a setting in ML Metadata": ("entry 1 of run 20261123T000001Z", SEALED),
    "a state in ML Metadata": ("entry 2 of run 20261123T000001Z", SEALED),
    "the commit of a run": (f"{FIRST}/summary.json", SEALED),
    "a seal": ("20261123T000001Z", "is not what was sealed with run 20261123T000002Z"),
    "a seal that is no JSON": (f"{FIRST}/seal.json", "is not a readable seal"),
    "another seal taken for it": (
        "20261123T000001Z",
        "was not there when run 20261123T000002Z was sealed",
    ),
}
