"""`millrace new`: a project of one's own, from the files of the project that the library comes with."""
