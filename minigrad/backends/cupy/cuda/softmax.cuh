// The largest value of a row and the sum of exponentials, in one pass over the row (Milakov and Gimelshein 2018,
// "Online normalizer calculation for softmax").

// The largest of some values, and the sum of exp(value - top) over them. No values: -infinity and 0.
//
// Equal values count 1 even where their difference is NaN because they are infinite. So log(sum) + top is right for
// rows of -infinity, and for rows that hold infinity. NaN is never the largest, but it makes the sum NaN.
struct Exponentials {
    wide top;
    wide sum;
};

inline __device__ Exponentials shuffle(Exponentials e, int distance) {
    return {shuffle(e.top, distance), shuffle(e.sum, distance)};
}

inline __device__ Exponentials merge(Exponentials a, Exponentials b) {
    const wide difference = a.top == b.top ? wide(0) : a.top - b.top;
    const wide factor = exp(-fabs(difference));
    return difference > 0 ? Exponentials{a.top, a.sum + b.sum * factor}
                          : Exponentials{b.top, a.sum * factor + b.sum};
}

// Over the n values at x: by all threads of the row, for each of them.
inline __device__ Exponentials row_exponentials(const real* __restrict__ x, int64 n) {
    Exponentials e = {-infinity(), wide(0)};
#pragma unroll 4
    for (int64 j = threadIdx.x; j < n; j += blockDim.x) {
        const wide value = wide(x[j]);
        const wide difference = value == e.top ? wide(0) : value - e.top;
        const wide factor = exp(-fabs(difference));
        const bool higher = difference > 0;
        e.sum = higher ? e.sum * factor + wide(1) : e.sum + factor;
        e.top = higher ? value : e.top;
    }
    return merge_row(e);
}

// The same for softmax and its logarithm, which are NaN in a row whose largest value is infinite.
inline __device__ Exponentials softmax_exponentials(const real* __restrict__ x, int64 n) {
    Exponentials e = row_exponentials(x, n);
    if (!isfinite(e.top)) {
        e.sum = not_a_number();
    }
    return e;
}
