"""What is made for an environment before a job runs there: Terraform's values, and offline checks of its modules."""
