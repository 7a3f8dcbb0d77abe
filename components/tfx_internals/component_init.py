"""Build components from their specs.

The constructors of TFX's Trainer, Pusher, ExampleValidator and FileBasedExampleGen build TFX's own
spec, which lacks our extra parameters. We still derive from these classes, because TFX's compilers
treat them specially. So we skip their constructors and call the one of the base class.
"""

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, base_component


class SpecComponent:
    """The first base of a component class whose `SPEC_CLASS` describes its arguments."""

    SPEC_CLASS: Any

    def __init__(self, **values: Any) -> None:
        """Build the component, with a new channel for each output.

        Args:
            **values: inputs and parameters, by the names in `SPEC_CLASS`.

        Raises:
            ValueError: one that is not optional is missing, or a name is unknown.
            TypeError: a value or channel has another type.
        """
        declared = self.SPEC_CLASS.OUTPUTS.items()
        outputs = {name: types.Channel(type=output.type) for name, output in declared}
        is_beam = isinstance(self, base_beam_component.BaseBeamComponent)
        base = base_beam_component.BaseBeamComponent if is_beam else base_component.BaseComponent
        base.__init__(self, spec=self.SPEC_CLASS(**{**outputs, **values}))
