// Optimizer steps in place: p, g and moments are vectors of n elements. See base.py for the formulas.

#include "common.cuh"

KERNEL sgd_kernel(real* __restrict__ p, const real* __restrict__ g, wide lr, wide weight_decay, int64 n) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        const wide w = wide(p[i]);
        wide slope = wide(g[i]);
        if (weight_decay != 0) {
            slope += weight_decay * w;
        }
        p[i] = real(w - lr * slope);
    }
}

// share = 1 - dampening.
KERNEL sgd_momentum_kernel(real* __restrict__ p, const real* __restrict__ g, real* __restrict__ velocity, wide lr,
                           wide momentum, wide share, bool nesterov, wide weight_decay, int64 n) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        const wide w = wide(p[i]);
        wide slope = wide(g[i]);
        if (weight_decay != 0) {
            slope += weight_decay * w;
        }
        const wide v = wide(velocity[i]) * momentum + share * slope;
        velocity[i] = real(v);
        p[i] = real(w - lr * (nesterov ? slope + momentum * v : v));
    }
}

// p is multiplied by `shrink`, `decay` times p added to the gradient, and then
//
//     m += share1 (g - m), v = beta2 v + share2 g^2, p -= rate * m / (correction * sqrt(v) + eps)
//
// with share1 = 1 - beta1 and share2 = 1 - beta2.
KERNEL adam_kernel(real* __restrict__ p, const real* __restrict__ g, real* __restrict__ m, real* __restrict__ v,
                   wide share1, wide beta2, wide share2, wide eps, wide decay, wide shrink, wide rate,
                   wide correction, int64 n) {
    for (int64 i = first_element(); i < n; i += all_threads()) {
        wide w = wide(p[i]);
        wide slope = wide(g[i]);
        if (shrink != 1) {
            w *= shrink;
        }
        if (decay != 0) {
            slope += decay * w;
        }
        const wide first = wide(m[i]) + share1 * (slope - wide(m[i]));
        const wide second = wide(v[i]) * beta2 + share2 * (slope * slope);
        m[i] = real(first);
        v[i] = real(second);
        p[i] = real(w - rate * (first / (sqrt(second) * correction + eps)));
    }
}
