"""Make Vertex AI record which model a blessing belongs to.

Vertex AI's launcher turns the model id of a blessing into a resource name only if the executor
derives from TFX's own Evaluator (`tfx/orchestration/kubeflow/v2/container`). Without that, Vertex
AI never finds the latest blessed model. TFX documents no other way.
"""

from tfx.components.evaluator import executor


class EvaluatorExecutor(executor.Executor):
    """A base for evaluators of our own; only the type matters."""
