"""Make the nodes of the DAG, one file for each stage: text, instances, model."""
