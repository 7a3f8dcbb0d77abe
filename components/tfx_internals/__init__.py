"""Every place that overrides, patches or calls undocumented parts of TFX, Beam or KFP.

One module per part. Each says why it is needed, and `tests/components/tfx_internals` fails with a
clear sentence when that part changes. Tested with TFX 1.16.0 and 1.21.0.
"""

from components.tfx_internals.file_system import register

register()
