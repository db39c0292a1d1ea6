"""What can be known to fail before anything runs: checked in a second, without TensorFlow."""

import itertools
import json
import re
import shlex
import tempfile
from pathlib import Path
from typing import Optional, Union

from tensorflow_metadata.proto.v0 import schema_pb2

from millrace.base.errors import BadInput, ConfigError, DataError, SchemaError
from millrace.base.names import did_you_mean
from millrace.catalog.metric_names import known_metrics, require_known
from millrace.catalog.metric_section import metric_of
from millrace.components.example_gen.section import Data
from millrace.components.example_gen.splits_section import GroupSplits, TimeSplits
from millrace.components.pinned_hyperparameters.file import read_pinned
from millrace.config.code_checks import code_is_there
from millrace.config.config import Config
from millrace.config.data_files import data_files
from millrace.config.feature_checks import column_kinds, features_fit
from millrace.config.metadata_section import DatabaseServer, Sqlite
from millrace.config.paths import layout, push_directory
from millrace.config.slice_checks import statistics_can_be_sliced
from millrace.features.date_formats import UNIX
from millrace.features.expression import kind_of, parse
from millrace.features.keys import transformed_key
from millrace.features.label import label_keys
from millrace.features.stacks import transformed_keys
from millrace.project.code_digest import module_file
from millrace.tables.files import opened
from millrace.tables.headers import Rule, read_header
from millrace.textproto import schema_text
from millrace.training.section import require_hyperparameter, require_value

# Lines of a JSON lines file in which the names of columns are looked for.
_JSON_LINES = 1000


def check(config: Config) -> None:
    """Checks a configuration against the machine that is about to run it.

    Raises:
        BadInput: the metadata store cannot be used, the data is not there or is no table, the label, a feature or a
            slice is not among its columns, the schema cannot be parsed or fits nothing, a dotted path names nothing
            or what cannot be called as it will be, a metric is none of TFMA's, what is pinned is no hyperparameter, or
            there is no project here whose code that would be.
    """
    _store_is_usable(config.metadata)
    _query_can_run(config)
    code_is_there(config)
    known = known_metrics()
    for index, metric in enumerate(map(metric_of, config.evaluation.metrics)):
        if not metric.module and known:
            require_known(metric.class_name, known, config.place(f"evaluation.metrics.{index}"))
    if config.tuning.pinned:
        _pinned_fits(config.tuning.pinned)
    columns = _columns(config.data)
    schema = schema_text.read(config.schema_.file).proto if config.schema_.file else None
    features_fit(config, columns, schema)
    if columns is not None:
        _columns_cover(config, columns, schema)
    if schema is not None:
        _schema_fits(config, schema)
        _condition_fits(config, schema)
        _types_fit(config, schema)
    _slices_exist(config, columns, schema)
    statistics_can_be_sliced(config, columns, schema)


def require_writable_root(config: Config) -> None:
    """Makes the root, and tries to write there: a run's log needs it before anything else is checked.

    Raises:
        BadInput: nothing can be written there.
    """
    root = layout(config).local
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root, prefix=".writable-"):
            pass
    except OSError as error:
        raise BadInput(
            f"nothing can be written here: {error.strerror}",
            where=str(root),
            remedy="set root in the configuration (or --set root=FOLDER) to a folder that is yours, with space left",
        ) from error


def require_push_is_served(config: Config, now: float) -> None:
    """Checks that a model which is pushed to a folder of this machine would be the one that is served.

    TFX's Pusher numbers a version by the time, in whole seconds since the epoch; TensorFlow Serving, as every server of
    its layout, serves the highest number. A number that was given while a clock was ahead stays the highest.

    Args:
        config: the configuration.
        now: seconds since the epoch.

    Raises:
        BadInput: a version is there that is above what a push would get.
    """
    folder = Path(push_directory(config))
    if "://" in push_directory(config) or not folder.is_dir():
        return
    numbered = [one for one in folder.iterdir() if re.fullmatch("[0-9]{1,19}", one.name) and one.is_dir()]
    versions = {int(one.name): one for one in numbered if int(one.name) < 2**63}
    highest = max(versions, default=0)
    if highest > now:
        raise BadInput(
            f"its version {highest} would still be served after a push: a push gets the time as its number, now "
            f"{int(now)}, and servers take the highest",
            where=str(folder),
            remedy=f"see that this machine's clock is right; then move {versions[highest]} away, or rename it to a "
            "number below that one",
        )


def require_bucket_for_vertex(config: Config) -> None:
    """Checks that Vertex AI can read a model that is pushed to it, before anything is trained.

    Args:
        config: the configuration.

    Raises:
        BadInput: neither the folder of versions nor a root lies in a bucket.
    """
    places = (push_directory(config), config.vertex.root or config.root)
    if config.push.vertex and not config.push.trial and not any(one.startswith(("gs://", "/gcs/")) for one in places):
        raise BadInput(
            "a model for Vertex AI must lie in a bucket, and none is named",
            where="vertex.root",
            remedy="set it: gs://BUCKET/FOLDER",
        )


def _store_is_usable(metadata: Union[Sqlite, DatabaseServer]) -> None:
    if isinstance(metadata, DatabaseServer) and metadata.backend == "postgresql":
        raise ConfigError(
            "ML Metadata's PostgreSQL backend cannot keep a backslash, and the JSON of TFX's parameters has some",
            where="metadata.backend",
            remedy="use mysql (MariaDB serves as well), or leave the section out for SQLite",
        )


def _query_can_run(config: Config) -> None:
    """Beam would tell of it in the middle of ExampleGen, after minutes, and not by these keys."""
    if config.data.format == "bigquery" and not config.data.bigquery and config.beam.mode != "dataflow":
        raise ConfigError(
            "a query needs the project that it runs in, and a folder for its rows",
            where="data.bigquery",
            remedy="set data.bigquery.project, and data.bigquery.temp_location to a gs:// folder",
        )


def _pinned_fits(file: str) -> None:
    """Reads what the Trainer will lay over its settings: KerasTuner's own file, or just the values by name."""
    remedy = "fix it, or run once with tuning.enabled=true and copy what the Tuner found"
    try:
        pinned = json.loads(read_pinned(file))
        values = pinned.get("values", pinned)
        for name, value in values.items():
            if not name.startswith("tuner/"):  # Hyperband keeps its own book in the values
                require_value(require_hyperparameter(name), value)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON: {error.msg}", f"{file}:{error.lineno}:{error.colno}", remedy) from error
    except (AttributeError, RecursionError) as error:
        raise ConfigError("should be a JSON object with a value for each hyperparameter", file, remedy) from error
    except ValueError as error:
        raise ConfigError(f"tuning.pinned: {error}", file, remedy) from error


def _columns(data: Data) -> Optional[list[str]]:
    """The columns of the first file, when the format tells them cheaply."""
    if data.format == "bigquery" or "://" in data.path:
        return None
    files = data_files(data)
    if not files:
        raise DataError(
            f"no data file matches {', '.join(data.patterns)}",
            where=data.path,
            remedy=_path_and_pattern(data.path),
        )
    if data.format == "image_folders":
        return ["image", "class", "path"]
    if data.format == "parquet":
        return _parquet_columns(files[0])
    if data.format == "jsonl":
        return _json_columns(files[0])
    if data.format == "avro":
        return _avro_columns(files[0])
    return _csv_columns(files, data) if data.format == "csv" else None


def _path_and_pattern(path: str) -> str:
    """What to do where no file is found: a span is looked for in the pattern alone."""
    folder, _, rest = path.partition("{")
    if not rest or Path(path).exists():
        return "fix data.path and data.pattern in the configuration"
    above, _, name = folder.rpartition("/")
    return f"what differs by span belongs into data.pattern: data.path={above} data.pattern={name}{{{rest}/*"


def _csv_columns(files: list[Path], data: Data) -> list[str]:
    for file in files:
        if file.stat().st_size == 0:
            raise DataError("the file is empty", where=str(file), remedy="remove it, or put the data there")
    with opened(files[0]) as stream:
        rule: Rule = "csv" if data.rules == "table" else "tfx"
        header = read_header(stream, str(files[0]), data.delimiter, rule, data.header_line)
        if data.header_line and not any(line.strip() for line in stream):
            raise DataError("there is a header and no row", where=str(files[0]), remedy="put the data there")
    return list(header.names)


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow.parquet

    try:
        return list(pyarrow.parquet.read_schema(file).names)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise DataError(
            f"not a Parquet file: {error}", where=str(file), remedy="fix data.format or the file"
        ) from error


def _avro_columns(file: Path) -> list[str]:
    from millrace.tables.avro import avro_schema

    with opened(file) as stream:
        return list(avro_schema(stream, str(file)).names)


def _json_columns(file: Path) -> list[str]:
    """The keys of the first lines; a line that is no JSON object is ExampleGen's to say, with its number."""
    columns: dict[str, None] = {}
    with opened(file) as stream:
        for line in itertools.islice(stream, _JSON_LINES):
            try:
                row = json.loads(line) if line.strip() else {}
            except ValueError:
                break
            columns.update(dict.fromkeys(row if isinstance(row, dict) else {}))
    if not columns:
        raise DataError(
            "its first lines hold no JSON object",
            where=str(file),
            remedy='give one JSON object a line, such as {"fare": 12.5, "tags": ["a", "b"]}; or fix data.format',
        )
    return list(columns)


def _columns_cover(config: Config, columns: list[str], schema: Optional[schema_pb2.Schema]) -> None:
    """Every column that is read is in the data or in the schema: what the schema names alone is DataGate's to say."""
    known = {*columns, *(feature.name for feature in (schema.feature if schema else ()))}
    for name, output in config.label.by_output().items():
        if output.column not in known:
            raise DataError(
                f"the label {output.column} is not a column of the data{did_you_mean(output.column, columns)}",
                where=config.data.path,
                remedy=f"set {f'label.outputs.{name}' if name else 'label'}.column to one of: {', '.join(columns)}",
            )
    unread = [name for name in config.data.columns if name not in columns]
    if unread:
        raise DataError(
            f"data.columns says how to read {unread[0]}, which is not in the data{did_you_mean(unread[0], columns)}",
            where=config.data.path,
            remedy=f"take it out of data.columns; the columns are: {', '.join(columns)}",
        )
    named = {**config.data.named_columns(), **({config.label.weight: "label.weight"} if config.label.weight else {})}
    for column, key in named.items():
        if column not in columns:
            raise DataError(
                f"{column} is not a column of the data{did_you_mean(column, columns)}",
                where=config.place(key),
                remedy=f"name one of: {', '.join(columns)}",
            )
    missing = [name for name in config.feature_table().columns() if name not in known]
    if missing:
        meant = did_you_mean(missing[0], columns) if len(missing) == 1 else ""
        raise DataError(
            f"{'a feature is' if len(missing) == 1 else 'features are'} not in the data: {', '.join(missing)}{meant}",
            where=config.data.path,
            remedy=f"take them out of features; the columns are: {', '.join(columns)}",
        )


def _slices_exist(config: Config, columns: Optional[list[str]], schema: Optional[schema_pb2.Schema]) -> None:
    """TFMA measures no slice of a feature that is not there, and says nothing of it."""
    if schema is not None:
        # What the schema names and the data lacks is DataGate's to say.
        columns = list(dict.fromkeys([*(columns or ()), *(feature.name for feature in schema.feature)]))
    if columns is None:
        return
    table, evaluation = config.feature_table(), config.evaluation
    # A slice may also be of what Transform makes; what a project's own code derives is a text in that code.
    transformed = {*transformed_keys(table), *label_keys(table.label).values()}
    derives = module_file(config.code.preprocessing_fn.rpartition(".")[0])
    code = derives.read_text(encoding="utf-8") if derives else ""
    for key, names in (
        ("slices", [name for one in evaluation.slices for name in one]),
        ("thresholds", [name for threshold in evaluation.thresholds for name in threshold.slice]),
    ):
        for name in names:
            if name in columns or name in transformed or f'"{name}"' in code or f"'{name}'" in code:
                continue
            kept = [column for column in columns if column not in config.data.leave_out]
            if name in table.features and transformed_key(name) in transformed:
                raise ConfigError(
                    f"{name} is a feature that Transform makes, and no column of the data",
                    where=f"evaluation.{key}",
                    remedy=f"slice on {transformed_key(name)}, which is what Transform makes of it, or on one of: "
                    f"{', '.join(kept)}",
                )
            raise ConfigError(
                f"{name} is not a column of the data{did_you_mean(name, kept)}",
                where=f"evaluation.{key}",
                remedy=f"slice on one of: {', '.join(kept)}",
            )


def _condition_fits(config: Config, schema: schema_pb2.Schema) -> None:
    """What the schema says of a column's type, `data.where` must compare it with."""
    if not config.data.where:
        return
    try:
        kind_of(parse(config.data.where), column_kinds(schema))
    except ValueError as error:
        raise ConfigError(
            f"data.where: {error}",
            where=config.place("data.where"),
            remedy="change the condition, or the column's type in the schema",
        ) from error


def _types_fit(config: Config, schema: schema_pb2.Schema) -> None:
    """What a weight, a group and a time in numbers are made of."""
    splits = config.data.splits
    unfit = []
    if config.label.weight:
        unfit.append(("label.weight", config.label.weight, schema_pb2.BYTES, "a weight is a number"))
    if isinstance(splits, GroupSplits):
        unfit.append(("data.splits.column", splits.column, schema_pb2.FLOAT, "a group is a text or a whole number"))
    if isinstance(splits, TimeSplits) and splits.format in UNIX:
        unfit.append(("data.splits.column", splits.column, schema_pb2.BYTES, f"{splits.format} is a number since 1970"))
    types = {feature.name: feature.type for feature in schema.feature}
    for key, column, type_, wanted in unfit:
        if types.get(column) == type_:
            described = "a text" if type_ == schema_pb2.BYTES else "a number with a fraction"
            raise ConfigError(
                f"{key}: {wanted}, and the schema says that {column} is {described}",
                where=config.place(key),
                remedy="name another column, or fix its type in the schema",
            )


def _schema_fits(config: Config, schema: schema_pb2.Schema) -> None:
    names = {feature.name for feature in schema.feature}
    left_out = sorted(names & set(config.data.leave_out))
    if left_out:
        raise SchemaError(
            f"the schema describes what data.leave_out leaves out: {', '.join(left_out)}",
            where=str(config.schema_.file),
            remedy=f"millrace schema drop {shlex.join(left_out)} takes them out of it; or do not leave them out",
        )
    wanted = {*config.label.columns(), *config.feature_table().columns()}
    if not names & wanted:
        raise SchemaError(
            "the schema names none of the pipeline's columns",
            where=str(config.schema_.file),
            remedy="point schema.file at this data's schema, or leave it out to run on the inferred one",
        )
    unknown = sorted(wanted - names)
    if unknown:
        raise SchemaError(
            f"the schema does not describe: {', '.join(unknown)}",
            where=str(config.schema_.file),
            remedy="add them to the schema, or take them out of features",
        )
