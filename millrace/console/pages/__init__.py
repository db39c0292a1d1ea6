"""The console's pages: a module for each subject, here in the order of the rail."""

from millrace.console.page import Page
from millrace.console.pages import (
    alerts,
    compare,
    data,
    home,
    lineage,
    log,
    models,
    monitoring,
    proposals,
    registry,
    rollout,
    run,
    runs,
    schema,
    schema_edit,
    search,
    triggers,
)

_SUBJECTS: tuple[Page, ...] = (
    *home.PAGES,
    *runs.PAGES,
    *run.PAGES,
    *log.PAGES,
    *compare.PAGES,
    *data.PAGES,
    *schema.PAGES,
    *proposals.PAGES,
    *schema_edit.PAGES,
    *models.PAGES,
    *registry.PAGES,
    *rollout.PAGES,
    *monitoring.PAGES,
    *alerts.PAGES,
    *triggers.PAGES,
    *lineage.PAGES,
)

PAGES: tuple[Page, ...] = (*_SUBJECTS, search.page(_SUBJECTS))
"""All of them."""
