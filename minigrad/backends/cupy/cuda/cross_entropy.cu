// Cross-entropy of logits x (rows, n) with one class for each row: targets (rows,).
//
// The wanted distribution is 1 - smoothing on the target and smoothing spread over all classes. A row whose target is
// `ignore` counts nothing, and its logits are not read. A row whose target is no class gets NaN, and sets a bit in
// `flags`.

#include "common.cuh"
#include "softmax.cuh"
#include "flags.cuh"

// Whether a row has a class that counts. If not, `filling` is what is written for it.
inline __device__ bool has_class(int64 target, int64 ignore, int64 n, int* flags, wide& filling) {
    const bool ignored = target == ignore;
    filling = ignored ? wide(0) : not_a_number();
    const bool in_range = target >= 0 && target < n;
    if (!ignored && !in_range && threadIdx.x == 0) {
        atomicOr(flags, CLASS_OUT_OF_RANGE);
    }
    return !ignored && in_range;
}

ROW_KERNEL cross_entropy_kernel(const real* __restrict__ x, const int64* __restrict__ targets, int64 ignore,
                                wide smoothing, real* __restrict__ out, int64 rows, int64 n, int* flags) {
    if (!at_row(rows, n, x)) {
        return;
    }
    const int64 target = targets[row_of_thread()];
    wide loss;
    if (has_class(target, ignore, n, flags, loss)) {
        const Exponentials e = softmax_exponentials(x, n);
        const wide log_sum = log(e.sum);
        loss = log_sum - (wide(x[target]) - e.top);
        if (smoothing != 0) {
            const wide total = row_sum(n, [&](int64 j) { return (wide(x[j]) - e.top) - log_sum; });
            loss = (wide(1) - smoothing) * loss - smoothing / wide(n) * total;
        }
    }
    if (threadIdx.x == 0) {
        out[row_of_thread()] = real(loss);
    }
}

// g: (rows,), out: (rows, n).
ROW_KERNEL cross_entropy_vjp_kernel(const real* __restrict__ g, const real* __restrict__ x,
                                    const int64* __restrict__ targets, int64 ignore, wide smoothing,
                                    real* __restrict__ out, int64 rows, int64 n, int* flags) {
    if (!at_row(rows, n, x, out)) {
        return;
    }
    const int64 target = targets[row_of_thread()];
    wide filling;
    if (!has_class(target, ignore, n, flags, filling)) {
        write_row(out, n, [&](int64) { return filling; });
        return;
    }
    const Exponentials e = softmax_exponentials(x, n);
    const wide inverse = wide(1) / e.sum;
    const wide elsewhere = smoothing / wide(n);
    const wide on_target = wide(1) - smoothing + elsewhere;
    const wide slope = wide(g[row_of_thread()]);
    write_row(out, n, [&](int64 j) {
        const wide wanted = j == target ? on_target : elsewhere;
        return (exp(wide(x[j]) - e.top) * inverse - wanted) * slope;
    });
}
