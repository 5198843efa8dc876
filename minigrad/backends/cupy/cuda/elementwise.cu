// Element-wise kernels: x, y, g, out are vectors of n elements.

#include "common.cuh"

KERNEL sigmoid_kernel(const real* __restrict__ x, real* __restrict__ out, int64 n) {
    write_elements(out, n, [&](int64 i) { return wide(1) / (wide(1) + exp(-wide(x[i]))); });  // 0 where exp overflows
}

KERNEL sigmoid_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out, int64 n) {
    write_elements(out, n, [&](int64 i) {
        const wide s = wide(y[i]);
        return wide(g[i]) * (s * (wide(1) - s));
    });
}

KERNEL tanh_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out, int64 n) {
    write_elements(out, n, [&](int64 i) {
        const wide t = wide(y[i]);
        return wide(g[i]) * (wide(1) - t * t);
    });
}

KERNEL erf_kernel(const real* __restrict__ x, real* __restrict__ out, int64 n) {
    write_elements(out, n, [&](int64 i) { return erf(wide(x[i])); });
}

// x * scale where the mask is true, else 0, also where x is infinite or NaN.
KERNEL dropout_kernel(const real* __restrict__ x, const bool* __restrict__ mask, wide scale, real* __restrict__ out,
                      int64 n) {
    write_elements(out, n, [&](int64 i) { return mask[i] ? wide(x[i]) * scale : wide(0); });
}
