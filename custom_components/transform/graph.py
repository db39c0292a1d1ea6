"""A SavedModel of TFT applied to record batches."""

from typing import Any

import pyarrow as pa
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter, TensorAdapterConfig


class Graph:
    """The transformation of one batch at a time.

    Args:
        saved_model_dir: the SavedModel's folder.
        adapter_config: of the columns that are fed, and of no others.
    """

    def __init__(self, saved_model_dir: str, adapter_config: TensorAdapterConfig) -> None:
        self._adapter = TensorAdapter(adapter_config)
        self._loader = SavedModelLoader(saved_model_dir)
        self._loader.finalize(set(adapter_config.tensor_representations), set(self._loader.structured_outputs))

    def apply(self, batch: pa.RecordBatch) -> dict[str, Any]:
        """Gives tensors by name.

        Raises:
            ValueError: the graph fails on one of these rows.
        """
        try:
            made: dict[str, Any] = self._loader.apply_transform_model(self._adapter.ToBatchTensors(batch))
        except Exception as error:
            raise ValueError(f"the transformation fails on one of {batch.num_rows} rows: {error}") from error
        return made
