// What all kernels share: the number types, where a thread is, and sums over a row by several threads.
//
// A file of kernels is compiled once for each float type, chosen by one macro. Arrays hold `real`; arithmetic and sums
// are done in `wide`, so that the 16-bit types are a way to store numbers and not to compute with them.

#if defined(FLOAT16)
#include <cuda_fp16.h>
using real = __half;
using wide = float;
const int PRECISION = 11;  // bits of the significand, the leading one included
#elif defined(BFLOAT16)
#include <cuda_bf16.h>
using real = __nv_bfloat16;
using wide = float;
const int PRECISION = 8;
#elif defined(FLOAT32)
using real = float;
using wide = float;
const int PRECISION = 24;
#elif defined(FLOAT64)
using real = double;
using wide = double;
const int PRECISION = 53;
#else
#error "define one of FLOAT16, BFLOAT16, FLOAT32, FLOAT64"
#endif

using int64 = long long;
using uint64 = unsigned long long;
using uint32 = unsigned int;

#define KERNEL extern "C" __global__ void

inline __device__ wide infinity() { return wide(__longlong_as_double(0x7ff0000000000000)); }

inline __device__ wide not_a_number() { return wide(__longlong_as_double(0x7ff8000000000000)); }

// --- element-wise kernels: thread 0 takes elements 0, 0 + threads, 0 + 2 threads, ... --------------------------------

inline __device__ int64 first_element() { return int64(blockIdx.x) * blockDim.x + threadIdx.x; }

inline __device__ int64 all_threads() { return int64(gridDim.x) * blockDim.x; }

// out[i] = value(i) for all elements.
template <typename Value>
__device__ void write_elements(real* __restrict__ out, int64 n, Value value) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        out[i] = real(value(i));
    }
}

// --- kernels over rows -----------------------------------------------------------------------------------------------
//
// The threads of a row are those with the same threadIdx.y: either one warp, and the block has several rows, or the
// whole block. Thread x takes the columns x, x + blockDim.x, ... A warp exchanges values by shuffles alone; several
// warps need shared memory and a barrier, which all threads reach because they work on one row.

const int WARP = 32;
const uint32 WHOLE_WARP = 0xffffffff;
const int MOST_THREADS = 1024;

// The bounds make the compiler leave enough registers for one block of so many threads.
#define ROW_KERNEL extern "C" __global__ void __launch_bounds__(MOST_THREADS, 1)

inline __device__ int64 row_of_thread() { return int64(blockIdx.x) * blockDim.y + threadIdx.y; }

// Moves pointers to matrices on to the row of this thread. False if there is no such row.
template <typename... Pointers>
__device__ bool at_row(int64 rows, int64 n, Pointers&... matrices) {
    const int64 row = row_of_thread();
    ((matrices += row * n), ...);
    return row < rows;
}

inline __device__ wide shuffle(wide value, int distance) { return __shfl_xor_sync(WHOLE_WARP, value, distance); }

inline __device__ wide merge(wide a, wide b) { return a + b; }

// Values of 2, 4, ... `lanes` neighbouring threads merged, in a tree: each of these threads gets the same result.
template <typename Value>
__device__ Value merge_lanes(Value value, int lanes) {
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
        value = merge(value, shuffle(value, distance));
    }
    return value;
}

// The values of all threads of a row merged. blockDim.x is a power of two from 32 on; blockDim.y is 1 unless it is 32.
template <typename Value>
__device__ Value merge_row(Value value) {
    value = merge_lanes(value, WARP);
    if (blockDim.x == WARP) {
        return value;
    }
    __shared__ Value of_warp[MOST_THREADS / WARP];
    const int warps = blockDim.x / WARP;
    if (threadIdx.x % WARP == 0) {
        of_warp[threadIdx.x / WARP] = value;
    }
    __syncthreads();
    value = merge_lanes(of_warp[threadIdx.x % warps], warps);
    __syncthreads();  // nobody writes the next values before everybody has read these
    return value;
}

// The sum of term(j) over the columns, by all threads of the row, for each of them.
template <typename Term>
__device__ wide row_sum(int64 n, Term term) {
    wide total = 0;
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        total += term(j);
    }
    return merge_row(total);
}

// out[j] = value(j) for all columns.
template <typename Value>
__device__ void write_row(real* __restrict__ out, int64 n, Value value) {
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        out[j] = real(value(j));
    }
}
