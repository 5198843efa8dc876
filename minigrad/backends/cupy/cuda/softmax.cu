// Softmax, its logarithm and logsumexp over the rows of matrices (rows, n).

#include "common.cuh"
#include "softmax.cuh"

ROW_KERNEL softmax_kernel(const real* __restrict__ x, real* __restrict__ out, int64 rows, int64 n) {
    if (!at_row(rows, n, x, out)) {
        return;
    }
    const Exponentials e = softmax_exponentials(x, n);
    const wide inverse = wide(1) / e.sum;
    write_row(out, n, [&](int64 j) { return exp(wide(x[j]) - e.top) * inverse; });
}

// y is the softmax.
ROW_KERNEL softmax_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out,
                              int64 rows, int64 n) {
    if (!at_row(rows, n, g, y, out)) {
        return;
    }
    const wide dot = row_sum(n, [&](int64 j) { return wide(g[j]) * wide(y[j]); });
    write_row(out, n, [&](int64 j) { return wide(y[j]) * (wide(g[j]) - dot); });
}

ROW_KERNEL log_softmax_kernel(const real* __restrict__ x, real* __restrict__ out, int64 rows, int64 n) {
    if (!at_row(rows, n, x, out)) {
        return;
    }
    const Exponentials e = softmax_exponentials(x, n);
    const wide log_sum = log(e.sum);
    write_row(out, n, [&](int64 j) { return (wide(x[j]) - e.top) - log_sum; });
}

// y is the logarithm of the softmax.
ROW_KERNEL log_softmax_vjp_kernel(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ out,
                                  int64 rows, int64 n) {
    if (!at_row(rows, n, g, y, out)) {
        return;
    }
    const wide total = row_sum(n, [&](int64 j) { return wide(g[j]); });
    write_row(out, n, [&](int64 j) { return wide(g[j]) - exp(wide(y[j])) * total; });
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
