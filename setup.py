"""Packages this project: what Beam's --setup_file and a container image ship of it. Rename it, and it is yours."""

from setuptools import find_packages, setup

NAME = "taxi-pipeline"
PACKAGES = ("custom_components", "models", "pipeline", "runners")
LIBRARY = "millrace>=0.2,<0.3"

setup(
    name=NAME,
    version="0.1.0",
    description="A TFX pipeline: from a table of examples to a blessed, pushed TensorFlow model",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={"": ["*.md"]},
    install_requires=[LIBRARY],
)
