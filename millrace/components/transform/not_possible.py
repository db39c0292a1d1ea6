"""What sends a transformation to TFX's own executor and Beam."""

from millrace.base.errors import Signal


class NotPossible(Signal):
    """This process cannot do it as TFX would; nothing was written. The message says why, without a full stop."""
