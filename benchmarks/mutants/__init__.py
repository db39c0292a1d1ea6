"""How well the tests notice: single changes of the library's logic, and whether a test fails with each."""
