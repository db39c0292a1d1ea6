"""The compiled cloud job, run task by task on this machine as the service would run it; see docs/rehearsal.md."""
