"""Initialize a component that derives from a TFX component but has a spec of its own.

The constructors of TFX's Trainer, Pusher, ExampleValidator and FileBasedExampleGen build TFX's own
spec, which lacks our extra parameters. We still derive from these classes, because TFX's compilers
treat them specially. So we skip their constructors and call the one of the base class.
"""

from typing import Any

from tfx.dsl.components.base import base_beam_component, base_component


def init_component(component: Any, spec: Any) -> None:
    """Initialize a component with a spec, skipping the constructor of its TFX class.

    Args:
        component: the component, inside its own `__init__`.
        spec: its ComponentSpec.
    """
    is_beam = isinstance(component, base_beam_component.BaseBeamComponent)
    base = base_beam_component.BaseBeamComponent if is_beam else base_component.BaseComponent
    base.__init__(component, spec=spec)
