// Layer normalisation (Ba et al. 2016) over the rows of matrices (rows, n).

#include "common.cuh"

struct Moments {
    wide mean;
    wide inverse;  // 1 / sqrt(variance + eps)

    __device__ wide unit(real x) const { return (wide(x) - mean) * inverse; }
};

// The variance comes from centred values, in a second pass: no digits cancel. The row is in a cache by then.
inline __device__ Moments row_moments(const real* __restrict__ x, int64 n, wide eps) {
    const wide mean = row_sum(n, [&](int64 j) { return wide(x[j]); }) / wide(n);
    const wide squares = row_sum(n, [&](int64 j) {
        const wide centred = wide(x[j]) - mean;
        return centred * centred;
    });
    return {mean, wide(1) / sqrt(squares / wide(n) + eps)};
}

ROW_KERNEL standardize_kernel(const real* __restrict__ x, wide eps, real* __restrict__ out, int64 rows, int64 n) {
    if (!at_row(rows, n, x, out)) {
        return;
    }
    const Moments m = row_moments(x, n, eps);
    write_row(out, n, [&](int64 j) { return m.unit(x[j]); });
}

// weight, bias: (n,); bias may be null.
ROW_KERNEL layer_norm_kernel(const real* __restrict__ x, const real* __restrict__ weight,
                             const real* __restrict__ bias, wide eps, real* __restrict__ out, int64 rows, int64 n) {
    if (!at_row(rows, n, x, out)) {
        return;
    }
    const Moments m = row_moments(x, n, eps);
    write_row(out, n, [&](int64 j) {
        const wide scaled = m.unit(x[j]) * wide(weight[j]);
        return bias == nullptr ? scaled : scaled + wide(bias[j]);
    });
}

// The gradient of `standardize` for x.
ROW_KERNEL layer_norm_vjp_kernel(const real* __restrict__ g, const real* __restrict__ x, wide eps,
                                 real* __restrict__ out, int64 rows, int64 n) {
    if (!at_row(rows, n, g, x, out)) {
        return;
    }
    const Moments m = row_moments(x, n, eps);
    wide total = 0;
    wide dot = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        total += wide(g[j]);
        dot += wide(g[j]) * m.unit(x[j]);
    }
    const wide mean_g = merge_row(total) / wide(n);
    const wide mean_dot = merge_row(dot) / wide(n);
    write_row(out, n, [&](int64 j) { return (wide(g[j]) - mean_g - m.unit(x[j]) * mean_dot) * m.inverse; });
}
