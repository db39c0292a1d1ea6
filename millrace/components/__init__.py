"""TFX components, one folder each: pure logic, a thin TFX shell, a README."""
