"""The connection to the ML Metadata store. The one place that reads a secret's value."""

import os

from ml_metadata.proto import metadata_store_pb2

from millrace.base.errors import BadInput
from millrace.config.config import Config
from millrace.config.metadata_section import DatabaseServer
from millrace.config.paths import metadata_file

# ML Metadata gives up at once when another run holds SQLite's lock, unless told to try again.
MAX_RETRIES = 20


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
