// CUDA's model of execution on one thread of a CPU, as far as the kernels of this project use it.
//
// It is included in front of the text of unchanged CUDA sources, which g++ then compiles. Blocks run one after the
// other. The threads of a block are fibers: each has a stack of its own and runs until it reaches a barrier, where the
// scheduler goes on with another one. All is deterministic. What a GPU leaves undefined is an error here: a barrier
// that some threads of the block (or the warp) do not reach, or reach at different lines, and a shuffle in half a warp.

#pragma once

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

// --- 16-bit floats ---------------------------------------------------------------------------------------------------

namespace emulator {

inline uint32_t bits_of(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline float float_of(uint32_t bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// Both round to the nearest, ties to the even one. Overflow gives infinity.
inline uint16_t to_half(float x) {
    const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000) return 0x7fff;            // NaN
    if (size >= 0x47800000) return sign | 0x7c00;    // 2^16 and above
    if (size < 0x38800000) {                         // below 2^-14: a multiple of 2^-24, the spacing of floats at 0.5
        return sign | (bits_of(float_of(size) + 0.5f) - bits_of(0.5f));
    }
    return sign | (size + 0xfff + (size >> 13 & 1) - (112u << 23)) >> 13;
}

inline float from_half(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000) << 16, size = half & 0x7fff;
    if (size < 0x400) return float_of(bits_of(float(size) * float_of(103u << 23)) | sign);  // times 2^-24
    if (size >= 0x7c00) return float_of(sign | 0x7f800000 | size << 13);
    return float_of(sign | ((size << 13) + (112u << 23)));
}

inline uint16_t to_bfloat(float x) {
    const uint32_t bits = bits_of(x);
    if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

}  // namespace emulator

struct __half {
    uint16_t bits;
    __half() = default;
    explicit __half(float x) : bits(emulator::to_half(x)) {}
    explicit operator float() const { return emulator::from_half(bits); }
};

struct __nv_bfloat16 {
    uint16_t bits;
    __nv_bfloat16() = default;
    explicit __nv_bfloat16(float x) : bits(emulator::to_bfloat(x)) {}
    explicit operator float() const { return emulator::float_of(uint32_t(bits) << 16); }
};

// --- fibers ----------------------------------------------------------------------------------------------------------

struct Index3 {
    unsigned x, y, z;
};

static Index3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, FINISHED };

const unsigned WARP = 32, MOST_THREADS = 1024;
const size_t STACK = 64 * 1024, GUARD = 4096;

struct Fiber {
    jmp_buf place;
    ucontext_t start;
    char* stack = nullptr;
    bool started = false;
};

struct Thread {
    State state;
    int line;           // of the barrier where it waits
    unsigned shuffles;  // how many it has taken part in
};

struct Warp {
    unsigned size, arrived;
    uint64_t slots[2][WARP];  // of shuffles in turn, so that one may start before all threads have read the last one
};

static Fiber fibers[MOST_THREADS];
static Thread threads[MOST_THREADS];
static Warp warps[MOST_THREADS / WARP];
static unsigned current, thread_count;
static jmp_buf scheduler;
static char error[400];
static void (*body)(const void*, void**);
static const void* body_kernel;
static void** body_arguments;

// Leave the running thread, and the launch, with an error.
[[noreturn]] inline void fail() { _longjmp(scheduler, 2); }

inline void wait_at(State barrier, int line) {
    threads[current].state = barrier;
    threads[current].line = line;
    if (_setjmp(fibers[current].place) == 0) _longjmp(scheduler, 1);
}

inline void fiber_main() {
    for (;;) {
        body(body_kernel, body_arguments);
        wait_at(FINISHED, 0);
    }
}

// Run a thread until it waits or has finished. False if it failed.
inline bool resume(unsigned thread) {
    current = thread;
    threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / blockDim.x / blockDim.y};
    Fiber& fiber = fibers[thread];
    const int came_back = _setjmp(scheduler);
    if (came_back) return came_back == 1;
    if (fiber.started) _longjmp(fiber.place, 1);
    if (!fiber.stack) {
        void* memory = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            std::snprintf(error, sizeof error, "no memory for the stack of thread %u", thread);
            return false;
        }
        mprotect(memory, GUARD, PROT_NONE);
        fiber.stack = static_cast<char*>(memory);
    }
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack;
    fiber.start.uc_stack.ss_size = STACK;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, fiber_main, 0);
    fiber.started = true;
    setcontext(&fiber.start);
    return false;
}

// --- barriers and shuffles -------------------------------------------------------------------------------------------

inline unsigned lane() { return current % WARP; }

inline Warp& warp() { return warps[current / WARP]; }

inline void warp_barrier(int line) {
    Warp& w = warp();
    const unsigned first = current - lane();
    for (unsigned t = first; t < first + w.size; t++) {
        if (threads[t].state == AT_WARP_BARRIER && threads[t].line != line) {
            std::snprintf(error, sizeof error, "threads %u and %u of one warp meet at different lines: %d and %d", t,
                          current, threads[t].line, line);
            fail();
        }
    }
    if (++w.arrived < w.size) return wait_at(AT_WARP_BARRIER, line);
    w.arrived = 0;
    for (unsigned t = first; t < first + w.size; t++) threads[t].state = READY;
}

template <typename T>
T shuffle(unsigned mask, T value, unsigned from, int line) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "shuffles take 4 or 8 bytes");
    Warp& w = warp();
    if (mask != 0xffffffff || w.size < WARP) {
        std::snprintf(error, sizeof error, "line %d: a shuffle with mask %#x in a warp of %u threads; only whole warps "
                      "are emulated", line, mask, w.size);
        fail();
    }
    uint64_t* slots = w.slots[threads[current].shuffles++ % 2];
    std::memcpy(&slots[lane()], &value, sizeof value);
    warp_barrier(line);
    std::memcpy(&value, &slots[from < WARP ? from : lane()], sizeof value);
    return value;
}

// Why no thread of the block can go on.
inline void explain_deadlock() {
    unsigned waiting = 0, finished = 0;
    const Thread* example = nullptr;
    const Thread* other = nullptr;
    for (unsigned t = 0; t < thread_count; t++) {
        if (threads[t].state == FINISHED) {
            finished++;
            continue;
        }
        waiting++;
        if (!example) example = &threads[t];
        if (threads[t].state != example->state || threads[t].line != example->line) other = &threads[t];
    }
    int used = std::snprintf(error, sizeof error, "block (%u, %u, %u): %u of %u threads wait at a barrier in line %d",
                             blockIdx.x, blockIdx.y, blockIdx.z, waiting, thread_count, example->line);
    if (other) used += std::snprintf(error + used, sizeof error - used, " or %d", other->line);
    std::snprintf(error + used, sizeof error - used, " that the others do not reach; %u have finished", finished);
}

// --- launches --------------------------------------------------------------------------------------------------------

inline void start_block() {
    for (unsigned t = 0; t < thread_count; t++) threads[t] = {READY, 0, 0};
    for (unsigned w = 0; w * WARP < thread_count; w++) {
        warps[w].size = thread_count - w * WARP < WARP ? thread_count - w * WARP : WARP;
        warps[w].arrived = 0;
    }
}

// Whether all threads wait at the barrier of the block, at one line.
inline bool block_has_met() {
    for (unsigned t = 0; t < thread_count; t++) {
        if (threads[t].state != AT_BLOCK_BARRIER || threads[t].line != threads[0].line) return false;
    }
    return true;
}

// Run the threads of a warp until all of them wait for other warps or have finished. False if one failed.
inline bool run_warp(unsigned w, bool backwards) {
    for (bool ready = true; ready;) {
        ready = false;
        for (unsigned i = 0; i < warps[w].size; i++) {
            const unsigned t = w * WARP + (backwards ? warps[w].size - 1 - i : i);
            if (threads[t].state != READY) continue;
            ready = true;
            if (!resume(t)) return false;
        }
    }
    return true;
}

// Each warp runs as far as it can before the next one starts, the last one first if `backwards`: where a barrier is
// missing, one of the two orders should show it.
inline bool run_block(bool backwards) {
    start_block();
    const unsigned warp_count = (thread_count + WARP - 1) / WARP;
    for (;;) {
        for (unsigned i = 0; i < warp_count; i++) {
            if (!run_warp(backwards ? warp_count - 1 - i : i, backwards)) return false;
        }
        unsigned finished = 0;
        for (unsigned t = 0; t < thread_count; t++) finished += threads[t].state == FINISHED;
        if (finished == thread_count) return true;
        if (!block_has_met()) {
            explain_deadlock();
            return false;
        }
        for (unsigned t = 0; t < thread_count; t++) threads[t].state = READY;
    }
}

template <typename... Parameters, size_t... I>
void call(void (*kernel)(Parameters...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<Parameters>*>(arguments[I])...);
}

template <typename... Parameters>
void call_kernel(const void* kernel, void** arguments) {
    using Kernel = void (*)(Parameters...);
    call(*static_cast<const Kernel*>(kernel), arguments, std::index_sequence_for<Parameters...>());
}

// sizes: the grid's and the block's three each. Returns what went wrong, or null.
template <typename... Parameters>
const char* launch(void (*kernel)(Parameters...), const unsigned* sizes, void** arguments, int backwards) {
    gridDim = {sizes[0], sizes[1], sizes[2]};
    blockDim = {sizes[3], sizes[4], sizes[5]};
    thread_count = blockDim.x * blockDim.y * blockDim.z;
    body = call_kernel<Parameters...>;
    body_kernel = &kernel;
    body_arguments = arguments;
    error[0] = 0;
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++) {
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++) {
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
                if (run_block(backwards)) continue;
                for (Fiber& fiber : fibers) fiber.started = false;  // what they were doing is abandoned
                return error;
            }
        }
    }
    return nullptr;
}

// --- what a kernel takes ---------------------------------------------------------------------------------------------

static char signature_text[2000];

// Append the name of a type and a blank.
template <typename T>
void describe() {
    using Plain = std::remove_cv_t<T>;
    char* end = signature_text + std::strlen(signature_text);
    const size_t left = signature_text + sizeof signature_text - end;
    if constexpr (std::is_pointer_v<Plain>) {
        std::snprintf(end, left, "*");
        describe<std::remove_pointer_t<Plain>>();
    } else if constexpr (std::is_same_v<Plain, __half>) {
        std::snprintf(end, left, "float16 ");
    } else if constexpr (std::is_same_v<Plain, __nv_bfloat16>) {
        std::snprintf(end, left, "bfloat16 ");
    } else if constexpr (std::is_same_v<Plain, bool>) {
        std::snprintf(end, left, "bool ");
    } else {
        static_assert(std::is_arithmetic_v<Plain>, "a kernel takes numbers and pointers to numbers");
        const char* kind = std::is_floating_point_v<Plain> ? "float" : std::is_signed_v<Plain> ? "int" : "uint";
        std::snprintf(end, left, "%s%zu ", kind, 8 * sizeof(Plain));
    }
}

// The types of the parameters in NumPy's words, separated by blanks; a pointer has a star in front.
template <typename... Parameters>
const char* signature(void (*)(Parameters...)) {
    signature_text[0] = 0;
    (describe<Parameters>(), ...);
    return signature_text;
}

}  // namespace emulator

// --- CUDA's functions ------------------------------------------------------------------------------------------------

#define __syncthreads() emulator::wait_at(emulator::AT_BLOCK_BARRIER, __LINE__)
#define __syncwarp() emulator::warp_barrier(__LINE__)
#define __shfl_xor_sync(mask, value, distance) emulator::shuffle(mask, value, emulator::lane() ^ (distance), __LINE__)
#define __shfl_down_sync(mask, value, distance) emulator::shuffle(mask, value, emulator::lane() + (distance), __LINE__)
#define __shfl_sync(mask, value, from) emulator::shuffle(mask, value, (from) % emulator::WARP, __LINE__)

template <typename T>
T atomicOr(T* place, T bits) {
    const T before = *place;
    *place |= bits;
    return before;
}

template <typename T>
T atomicAdd(T* place, T value) {
    const T before = *place;
    *place += value;
    return before;
}

inline unsigned __umulhi(unsigned a, unsigned b) { return uint64_t(a) * b >> 32; }

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned __int128>(a) * b >> 64;
}

inline double __longlong_as_double(long long bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

using std::erf, std::exp, std::fabs, std::isfinite, std::isnan, std::log, std::log1p, std::sqrt, std::tanh;

template <typename T>
void sincospi(T x, T* sine, T* cosine) {
    const T turn = x - 2 * std::floor(x / 2);  // in 0..2, exactly
    *sine = std::sin(T(M_PI) * turn);
    *cosine = std::cos(T(M_PI) * turn);
}
