// Softmax, its logarithm and logsumexp over the rows of matrices (rows, n).

#include "common.cuh"
#include "softmax.cuh"

ROW_KERNEL softmax_kernel(const real* __restrict__ x, real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    x += row * n;
    out += row * n;
    const Exponentials e = softmax_exponentials(x, n);
    const wide inverse = wide(1) / e.sum;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real(exp(wide(x[j]) - e.top) * inverse);
    }
}

// y is the softmax.
ROW_KERNEL softmax_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out,
                              int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    g += row * n;
    y += row * n;
    out += row * n;
    wide dot = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        dot += wide(g[j]) * wide(y[j]);
    }
    dot = merge_row(dot);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real(wide(y[j]) * (wide(g[j]) - dot));
    }
}

ROW_KERNEL log_softmax_kernel(const real* __restrict__ x, real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    x += row * n;
    out += row * n;
    const Exponentials e = softmax_exponentials(x, n);
    const wide log_sum = log(e.sum);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real((wide(x[j]) - e.top) - log_sum);
    }
}

// y is the logarithm of the softmax.
ROW_KERNEL log_softmax_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out,
                                  int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    g += row * n;
    y += row * n;
    out += row * n;
    wide total = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        total += wide(g[j]);
    }
    total = merge_row(total);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real(wide(g[j]) - exp(wide(y[j])) * total);
    }
}

// out: (rows,).
ROW_KERNEL logsumexp_kernel(const real* __restrict__ x, real* __restrict__ out, int64 rows, int64 n) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    const Exponentials e = row_exponentials(x + row * n, n);
    if (threadIdx.x == 0) {
        out[row] = real(e.top + log(e.sum));
    }
}
