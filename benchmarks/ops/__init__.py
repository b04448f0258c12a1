"""One file for each algorithm and operator, beside the references."""
