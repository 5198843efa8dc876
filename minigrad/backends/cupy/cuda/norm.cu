// Layer normalisation (Ba et al. 2016) over the rows of matrices (rows, n).

#include "common.cuh"

struct Moments {
    wide mean;
    wide inverse;  // 1 / sqrt(variance + eps)
};

// The variance comes from centred values, in a second pass: no digits cancel. The row is in a cache by then.
inline __device__ Moments row_moments(const real* __restrict__ x, int64 n, wide eps) {
    wide total = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        total += wide(x[j]);
    }
    const wide mean = merge_row(total) / wide(n);
    wide squares = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        const wide centred = wide(x[j]) - mean;
        squares += centred * centred;
    }
    return {mean, wide(1) / sqrt(merge_row(squares) / wide(n) + eps)};
}

ROW_KERNEL standardize_kernel(const real* __restrict__ x, wide eps, real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    x += row * n;
    out += row * n;
    const Moments m = row_moments(x, n, eps);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real((wide(x[j]) - m.mean) * m.inverse);
    }
}

// weight, bias: (n,); bias may be null.
ROW_KERNEL layer_norm_kernel(const real* __restrict__ x, const real* __restrict__ weight,
                             const real* __restrict__ bias, wide eps, real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    x += row * n;
    out += row * n;
    const Moments m = row_moments(x, n, eps);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        const wide scaled = (wide(x[j]) - m.mean) * m.inverse * wide(weight[j]);
        out[j] = real(bias == nullptr ? scaled : scaled + wide(bias[j]));
    }
}

// The gradient of `standardize` for x.
ROW_KERNEL layer_norm_vjp_kernel(const real* __restrict__ g, const real* __restrict__ x, wide eps,
                                 real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    g += row * n;
    x += row * n;
    out += row * n;
    const Moments m = row_moments(x, n, eps);
    wide total = 0;
    wide dot = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        total += wide(g[j]);
        dot += wide(g[j]) * ((wide(x[j]) - m.mean) * m.inverse);
    }
    const wide mean_g = merge_row(total) / wide(n);
    const wide mean_dot = merge_row(dot) / wide(n);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        const wide unit = (wide(x[j]) - m.mean) * m.inverse;
        out[j] = real((wide(g[j]) - mean_g - unit * mean_dot) * m.inverse);
    }
}
