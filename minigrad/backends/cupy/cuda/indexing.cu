// Reading and writing at indices. An index that counts from the end is negative.

#include "common.cuh"
#include "flags.cuh"

// Set `bit` in `flags` unless all of index (n,) are in -size..size-1.
KERNEL check_range_kernel(const int64* __restrict__ index, int64 size, int bit, int64 n, int* flags) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        if (index[i] < -size || index[i] >= size) {
            atomicOr(flags, bit);
        }
    }
}

// Write 1 at out[i, index[i]] where there is such a place; index: (n,), out: (n, classes), full of zeros.
KERNEL one_hot_kernel(const int64* __restrict__ index, real* __restrict__ out, int64 n, int64 classes) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        if (index[i] >= 0 && index[i] < classes) {
            out[i * classes + index[i]] = real(wide(1));
        }
    }
}

// --- x[index[i]] += values[i], adding up where rows repeat -----------------------------------------------------------
//
// Atomic additions of floats would come in another order each time, and so round differently. Instead the indices are
// sorted: those of one row lie next to each other then, as a run, and in the order in which they came. Each element of
// x is written by one thread, and what it adds, and in which order, depends on the indices alone.
//
//     rows     the index from the start; SIZE if there is no such row, which sorts behind all others
//     order    where the sorted rows come from: sorted[k] = rows[order[k]]

// Runs from this length on are long.
const int LONG = 32;
const int LONG_RUN_THREADS = 256;

KERNEL rows_of_index_kernel(const int64* __restrict__ index, int64 size, int64* __restrict__ rows, int64 n,
                            int* flags) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        const int64 row = index[i] < 0 ? index[i] + size : index[i];
        const bool exists = row >= 0 && row < size;
        rows[i] = exists ? row : size;
        if (!exists) {
            atomicOr(flags, ROW_OUT_OF_RANGE);
        }
    }
}

KERNEL gather_kernel(const int64* __restrict__ rows, const int64* __restrict__ order, int64* __restrict__ sorted,
                     int64 n) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        sorted[i] = rows[order[i]];
    }
}

// Short runs, each added in order: one thread for each column of each run. values: (n, d), x: (size, d).
KERNEL add_short_runs_kernel(real* __restrict__ x, const real* __restrict__ values, const int64* __restrict__ sorted,
                             const int64* __restrict__ order, int64 n, int64 d, int64 size) {
    for (int64 i = first_element(); i < n * d; i += all_threads()) {
        const int64 begin = i / d;
        const int64 column = i % d;
        const int64 row = sorted[begin];
        if (row == size || (begin > 0 && sorted[begin - 1] == row)) {
            continue;  // no such row, or not the first of its run
        }
        int64 end = begin + 1;
        while (end < n && end - begin < LONG && sorted[end] == row) {
            end++;
        }
        if (end - begin == LONG) {
            continue;
        }
        wide total = 0;
        for (int64 k = begin; k < end; k++) {
            total += wide(values[order[k] * d + column]);
        }
        real* place = x + row * d + column;
        *place = real(wide(*place) + total);
    }
}

// The first k in begin..end-1 with sorted[k] >= row; `end` if there is none.
inline __device__ int64 lower_bound(const int64* __restrict__ sorted, int64 begin, int64 end, int64 row) {
    while (begin < end) {
        const int64 middle = begin + (end - begin) / 2;
        if (sorted[middle] < row) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin;
}

// Long runs: a block for each LONG-th place of `sorted`. A long run has such a place, and the block of the first one
// adds it up. Thread (x, y) takes column x of a tile of columns, and the terms y, y + blockDim.y, ... of the run; the
// partial sums are added in the order of y.
KERNEL add_long_runs_kernel(real* __restrict__ x, const real* __restrict__ values, const int64* __restrict__ sorted,
                            const int64* __restrict__ order, int64 n, int64 d, int64 size) {
    const int64 here = int64(blockIdx.x) * LONG;
    const int64 row = sorted[here];
    if (row == size || (here >= LONG && sorted[here - LONG] == row)) {
        return;  // no such row, or another block's
    }
    const int64 begin = lower_bound(sorted, here < LONG ? 0 : here - LONG, here, row);
    const int64 end = lower_bound(sorted, here, n, row + 1);
    if (end - begin < LONG) {
        return;
    }
    __shared__ wide partial[LONG_RUN_THREADS];
    for (int64 tile = int64(blockIdx.y) * blockDim.x; tile < d; tile += int64(gridDim.y) * blockDim.x) {
        const int64 column = tile + threadIdx.x;
        wide total = 0;
        if (column < d) {
#pragma unroll 4
            for (int64 k = begin + threadIdx.y; k < end; k += blockDim.y) {
                total += wide(values[order[k] * d + column]);
            }
        }
        partial[threadIdx.y * blockDim.x + threadIdx.x] = total;
        __syncthreads();
        if (threadIdx.y == 0 && column < d) {
            for (int y = 1; y < blockDim.y; y++) {
                total += partial[y * blockDim.x + threadIdx.x];
            }
            real* place = x + row * d + column;
            *place = real(wide(*place) + total);
        }
        __syncthreads();
    }
}
