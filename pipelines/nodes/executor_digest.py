"""Digest the code of a component's executor, so that TFX's cache notices an edit."""

from tfx.dsl.components.base import base_component

from components.code_digest import code_digest


def executor_digest(component: type[base_component.BaseComponent]) -> str:
    """Return the digest of a component's executor and of every module of ours that it imports."""
    return code_digest(component.EXECUTOR_SPEC.executor_class.__module__)
