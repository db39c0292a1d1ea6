"""What a Beam engine beyond this machine is sent: options, the project's code, the job; built and checked here."""
