"""What the graph connects to: the ML Metadata store, and Beam. The one place that reads a secret's value."""

import os

from ml_metadata.proto import metadata_store_pb2

from pipeline.config import Beam, Config, DatabaseServer
from pipeline.errors import BadInput
from pipeline.paths import metadata_file

# ML Metadata gives up at once when another run holds SQLite's lock, unless told to try again.
MAX_RETRIES = 20

# The options that tell TFX that workers get their code from elsewhere.
_DEPENDENCIES = ("--extra_package", "--setup_file", "--requirements_file", "--sdk_container_image")


def metadata_connection(config: Config) -> metadata_store_pb2.ConnectionConfig:
    """The connection to ML Metadata, as TFX takes it.

    Raises:
        BadInput: the environment variable that should hold the database's password is not set.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    connection.retry_options.max_num_retries = MAX_RETRIES
    if isinstance(config.metadata, DatabaseServer):
        _connect_to_server(connection, config.metadata)
    else:
        connection.sqlite.filename_uri = metadata_file(config) or ""
        connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


def _connect_to_server(connection: metadata_store_pb2.ConnectionConfig, server: DatabaseServer) -> None:
    password = _secret(server.password_env)
    if server.backend == "mysql":
        connection.mysql.CopyFrom(
            metadata_store_pb2.MySQLDatabaseConfig(
                host=server.host, port=server.port, database=server.database, user=server.user, password=password
            )
        )
    else:
        connection.postgresql.CopyFrom(
            metadata_store_pb2.PostgreSQLDatabaseConfig(
                host=server.host, port=str(server.port), dbname=server.database, user=server.user, password=password
            )
        )


def _secret(variable: str) -> str:
    if not variable:
        return ""
    if variable not in os.environ:
        raise BadInput(
            f"the environment variable {variable} is not set",
            where="metadata.password_env",
            remedy=f"export {variable} with the database's password",
        )
    return os.environ[variable]


def secrets(config: Config) -> tuple[str, ...]:
    """The values that must not reach a log."""
    if not isinstance(config.metadata, DatabaseServer):
        return ()
    return tuple(value for value in (os.environ.get(config.metadata.password_env, ""),) if value)


def beam_arguments(config: Config) -> list[str]:
    """Beam's options for the data stages; none for the default, which is one process and no workers.

    TFX packs an sdist of itself for every stage that is given options without a dependency among them, some seconds
    each. Workers on this machine share its environment, so they are told of an image instead, which they never look at.
    """
    beam = config.beam
    if beam == Beam():
        return []
    arguments = [f"--direct_running_mode={beam.mode}", f"--direct_num_workers={beam.workers}", *beam.options]
    if not any(option.startswith(_DEPENDENCIES) for option in beam.options) and not _is_remote(beam):
        arguments.append("--sdk_container_image=this-environment")
    return arguments


def _is_remote(beam: Beam) -> bool:
    runners = [option.partition("=")[2] for option in beam.options if option.startswith("--runner=")]
    return bool(runners) and runners[-1] != "DirectRunner"
