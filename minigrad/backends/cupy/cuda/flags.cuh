// How kernels report a bad index without the host waiting for them: bits in one integer on the device, which the host
// looks at when it fetches data anyway. The same numbers are in kernels.py.

const int CLASS_OUT_OF_RANGE = 1;  // a target of cross-entropy
const int ROW_OUT_OF_RANGE = 2;    // a row that is added to
