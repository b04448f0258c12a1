"""One file for each kernel of src_c/kernels.def, on every instruction set of the machine."""
