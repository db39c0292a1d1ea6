"""Transform: TFX's component, whose analysis and transformation run in the executor's process on one machine."""
