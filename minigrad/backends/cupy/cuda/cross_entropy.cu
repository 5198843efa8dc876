// Cross-entropy of logits x (rows, n) with one class for each row: targets (rows,).
//
// The wanted distribution is 1 - smoothing on the target and smoothing spread over all classes. A row whose target is
// `ignore` counts nothing, and its logits are not read. A row whose target is no class gets NaN, and sets a bit in
// `flags`.

#include "common.cuh"
#include "softmax.cuh"
#include "flags.cuh"

ROW_KERNEL cross_entropy_kernel(const real* __restrict__ x, const int64* __restrict__ targets, int64 ignore,
                                wide smoothing, real* __restrict__ out, int64 rows, int64 n, int* flags) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    const int64 target = targets[row];
    const bool counts = target != ignore;
    const bool in_range = target >= 0 && target < n;
    if (!counts || !in_range) {
        if (threadIdx.x == 0) {
            out[row] = real(counts ? not_a_number() : wide(0));
            if (counts) {
                atomicOr(flags, CLASS_OUT_OF_RANGE);
            }
        }
        return;
    }
    x += row * n;
    const Exponentials e = softmax_exponentials(x, n);
    const wide log_sum = log(e.sum);
    wide loss = log_sum - (wide(x[target]) - e.top);
    if (smoothing != 0) {
        wide total = 0;
        for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
            total += (wide(x[j]) - e.top) - log_sum;
        }
        loss = (wide(1) - smoothing) * loss - smoothing / wide(n) * merge_row(total);
    }
    if (threadIdx.x == 0) {
        out[row] = real(loss);
    }
}

// g: (rows,), out: (rows, n).
ROW_KERNEL cross_entropy_vjp_kernel(const real* __restrict__ g, const real* __restrict__ x,
                                    const int64* __restrict__ targets, int64 ignore, wide smoothing,
                                    real* __restrict__ out, int64 rows, int64 n, int* flags) {
    const int64 row = row_of_thread();
    if (row >= rows) {
        return;
    }
    const int64 target = targets[row];
    const bool counts = target != ignore;
    const bool in_range = target >= 0 && target < n;
    x += row * n;
    out += row * n;
    if (!counts || !in_range) {
        if (counts && threadIdx.x == 0) {
            atomicOr(flags, CLASS_OUT_OF_RANGE);
        }
        const real filling = real(counts ? not_a_number() : wide(0));
        for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
            out[j] = filling;
        }
        return;
    }
    const Exponentials e = softmax_exponentials(x, n);
    const wide inverse = wide(1) / e.sum;
    const wide elsewhere = smoothing / wide(n);
    const wide on_target = wide(1) - smoothing + elsewhere;
    const wide slope = wide(g[row]);
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        const wide wanted = j == target ? on_target : elsewhere;
        out[j] = real((exp(wide(x[j]) - e.top) * inverse - wanted) * slope);
    }
}
