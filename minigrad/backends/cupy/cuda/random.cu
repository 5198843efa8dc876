// Random numbers by Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//
// The generator is a function of a counter and a key: no state, and any thread can compute any number. Counter
// offset + i gives four words of 32 bits, from which output elements 4 i .. 4 i + 3 are made, or, where an element
// takes two words, 2 i and 2 i + 1. So the numbers do not depend on how many threads there are.

#include "common.cuh"

struct Words {
    uint32 w[4];

    // Two words as one: the first (i = 0) or the last two (i = 1).
    __device__ uint64 pair(int i) const { return uint64(w[2 * i + 1]) << 32 | w[2 * i]; }
};

const int ROUNDS = 10;
const uint32 MULTIPLIER_0 = 0xD2511F53, MULTIPLIER_1 = 0xCD9E8D57;
const uint32 WEYL_0 = 0x9E3779B9, WEYL_1 = 0xBB67AE85;  // added to the key in each round

inline __device__ Words philox(Words counter, uint32 key_0, uint32 key_1) {
    uint32* c = counter.w;
    for (int round = 0; round < ROUNDS; round++) {
        const uint32 high_0 = __umulhi(MULTIPLIER_0, c[0]), low_0 = MULTIPLIER_0 * c[0];
        const uint32 high_1 = __umulhi(MULTIPLIER_1, c[2]), low_1 = MULTIPLIER_1 * c[2];
        c[0] = high_1 ^ c[1] ^ key_0;
        c[1] = low_1;
        c[2] = high_0 ^ c[3] ^ key_1;
        c[3] = low_0;
        key_0 += WEYL_0;
        key_1 += WEYL_1;
    }
    return counter;
}

// The four words of one counter. The upper half of Philox's 128-bit counter stays 0.
inline __device__ Words random_words(uint64 key, uint64 counter) {
    return philox({uint32(counter), uint32(counter >> 32), 0, 0}, uint32(key), uint32(key >> 32));
}

// Elements made from one counter: four, or two of float64, whose significand does not fit into a word.
const int FROM_COUNTER = PRECISION <= 32 ? 4 : 2;

inline __device__ uint64 bits_of_element(const Words& words, int k) {
    return FROM_COUNTER == 4 ? uint64(words.w[k]) << 32 : words.pair(k);
}

// out[i] = value(words, k) for all elements, where a counter's words make PER of them, and this is number k of these.
template <int PER, typename Element, typename Value>
__device__ void write_random(uint64 key, uint64 offset, Element* __restrict__ out, int64 n, Value value) {
    for (int64 i = first_element(); i * PER < n; i += all_threads()) {
        const Words words = random_words(key, offset + i);
        for (int k = 0; k < PER && i * PER + k < n; k++) {
            out[i * PER + k] = value(words, k);
        }
    }
}

// Multiples of 2^-PRECISION in [0, 1): as fine as the type allows near 1, and nothing is rounded up to 1.
KERNEL uniform_kernel(uint64 key, uint64 offset, real* __restrict__ out, int64 n) {
    const wide unit = wide(1) / wide(uint64(1) << PRECISION);
    write_random<FROM_COUNTER>(key, offset, out, n, [&](const Words& words, int k) {
        return real(wide(bits_of_element(words, k) >> (64 - PRECISION)) * unit);
    });
}

// In (0, 1], on a grid of 2^-32, or 2^-53 in float64: its logarithm is finite.
inline __device__ wide positive_uniform(const Words& words, int k) {
    const int bits = FROM_COUNTER == 4 ? 32 : 53;
    return wide((bits_of_element(words, k) >> (64 - bits)) + 1) / wide(uint64(1) << bits);
}

// Standard normal numbers, in pairs, by Box and Muller (1958).
KERNEL normal_kernel(uint64 key, uint64 offset, real* __restrict__ out, int64 n) {
    for (int64 i = first_element(); i * FROM_COUNTER < n; i += all_threads()) {
        const Words words = random_words(key, offset + i);
        for (int k = 0; k < FROM_COUNTER; k += 2) {
            const int64 j = i * FROM_COUNTER + k;
            const wide radius = sqrt(wide(-2) * log(positive_uniform(words, k)));
            wide sine, cosine;
            sincospi(wide(2) * positive_uniform(words, k + 1), &sine, &cosine);
            if (j < n) {
                out[j] = real(radius * cosine);
            }
            if (j + 1 < n) {
                out[j + 1] = real(radius * sine);
            }
        }
    }
}

// True with probability threshold / 2^32.
KERNEL bernoulli_kernel(uint64 key, uint64 offset, uint64 threshold, bool* __restrict__ out, int64 n) {
    write_random<4>(key, offset, out, n, [&](const Words& words, int k) { return words.w[k] < threshold; });
}

// low + floor(u * span) for u of 64 random bits in [0, 1).
KERNEL integers_kernel(uint64 key, uint64 offset, int64 low, uint64 span, int64* __restrict__ out, int64 n) {
    write_random<2>(key, offset, out, n, [&](const Words& words, int k) {
        return int64(uint64(low) + __umul64hi(words.pair(k), span));
    });
}

KERNEL bits64_kernel(uint64 key, uint64 offset, uint64* __restrict__ out, int64 n) {
    write_random<2>(key, offset, out, n, [](const Words& words, int k) { return words.pair(k); });
}
