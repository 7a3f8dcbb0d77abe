"""Name the states, types, contexts and properties in ML Metadata, for every reader and writer.

This module imports neither TFX nor ml_metadata, so that `textmill lineage` starts quickly.
"""

SCHEMA_VERSION = 10  # of the SQLite file that ml_metadata 1.21 writes

# States of an execution, as Textmill shows them.
RAN, CACHED, FAILED, INTERRUPTED = "ran", "cached", "failed", "interrupted"
RUNNING = "running"  # its process is still alive
NOTE = "note"  # custom property of an interrupted execution: why it did not end
KILLED = "its process was killed; closed by the next run"
# Execution.State has the same numbers in ml_metadata.proto and google.cloud.aiplatform_v1.
# Every other number is an execution that did not end.
STATES = {3: RAN, 4: FAILED, 5: CACHED}

# Nodes of every pipeline.
TEXT_NODE, TRAINER = "TextExampleGen", "Trainer"

# Types of contexts. TFX names a node's context "<pipeline>.<node>".
PIPELINE_CONTEXT, RUN_CONTEXT, NODE_CONTEXT = "pipeline", "pipeline_run", "node"
CACHE_CONTEXT = "execution_cache"

# Execution type of the nodes that look up artifacts and make none.
RESOLVER = "tfx.dsl.components.common.resolver.Resolver"
# Artifact type of the TensorBoard logs: users may add files, and no node reads them.
MODEL_RUN = "ModelRun"
# Input key of the model that an evaluation compares with. It is no ancestor of any output.
BASELINE = "baseline_model"

# Properties of artifacts.
PUBLISHER = "components.publisher.component.Publisher"  # type of its executions
OUTPUT_DIGEST = "output_digest"  # of all bytes in the artifact's folder
PUSHED_DESTINATION = "pushed_destination"  # TFX's name for the folder of a published version
PUSHED_VERSION = "pushed_version"
