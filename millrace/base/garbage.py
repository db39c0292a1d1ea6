"""What Python's search for garbage costs a process that imports TensorFlow, and that ends.

TFX's imports make some hundred thousand objects that live until the end. By default Python looks through them again and
again while they are made, and once more when it ends: together a third of what a command takes that does nothing else.
"""

import atexit
import gc

# So many objects more than went, Python's default being 700.
_YOUNG = 100_000


def look_seldom() -> None:
    """Has Python look for garbage less often, and not when this process ends, which gives everything back anyway."""
    _, *older = gc.get_threshold()
    gc.set_threshold(_YOUNG, *older)
    atexit.register(gc.freeze)
