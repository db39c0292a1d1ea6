"""The compiled cloud job, run here task by task as the service would run it; see docs/guides/rehearsal.md."""
