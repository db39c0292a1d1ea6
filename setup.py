"""Packages Millrace: what a wheel, a container image and Beam's --setup_file ship.

What is required here is loose enough for both stacks; requirements/*.txt pins each of them whole.
"""

from setuptools import find_packages, setup

VERSION = "0.1.0"
PACKAGES = ("cli", "custom_components", "models", "pipeline", "runners", "schema")

setup(
    name="millrace",
    version=VERSION,
    description="A TFX pipeline to fork and own: from a table of examples to a blessed, pushed TensorFlow model",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    # `conf` has no code. As a package of data it lies beside `schema`, as in a checkout, so that its paths hold.
    packages=[*find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]), "conf"],
    package_data={"conf": ["*.yaml"], "schema": ["**/*.pbtxt"], "": ["*.md", "*.yaml", "*.html", "*.css", "*.js"]},
    install_requires=[
        "apache-beam[gcp]",
        "cel-python",
        "click>=8.1",
        "dill",  # TFDV 1.16 imports it without requiring it
        "google-cloud-aiplatform",
        "keras-tuner",
        "kfp-pipeline-spec",  # what TFX runs in a container imports it, and it comes with an extra of TFX only
        "psutil",
        "pydantic>=2.7",
        "pyyaml",
        "rich>=13",
        "ruamel.yaml",
        "setuptools<81",  # TFX's packages import pkg_resources
        "tensorboard",
        "tensorflow-serving-api",
        "tfx>=1.16,<1.22",
    ],
    entry_points={"console_scripts": ["millrace = cli.main:main"]},
)
