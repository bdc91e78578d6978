"""Makes detectors.golden.json: what scipy and mpmath say about the functions in detectors/.

    pip install numpy scipy mpmath
    python3 test/golden/make_detector_golden.py

Special functions come from mpmath at 60 digits (quantiles: scipy's answer as the start of a root search there), so they are right to the last bit
of a double also where scipy itself is not. Statistics come from scipy on seeded count vectors. Nothing here reads the TypeScript code.
"""

import json
import pathlib

import mpmath as mp
import numpy as np
import scipy
from scipy import stats
from scipy.spatial.distance import jensenshannon

mp.mp.dps = 60

# ---------------------------------------------------------------- special functions


def gamma_q(a, x):
    """Upper regularized incomplete gamma: series of the lower one where that converges, else mpmath's own."""
    a, x = mp.mpf(a), mp.mpf(x)
    if x == 0:
        return mp.mpf(1)
    with mp.workdps(80):
        if x < a + 1:
            return 1 - gamma_p(a, x)
        # Modified Lentz at 80 digits.
        tiny = mp.mpf(10) ** -300
        b = x + 1 - a
        c, d = 1 / tiny, 1 / b
        h = d
        k = 0
        while True:
            k += 1
            an = -k * (k - a)
            b += 2
            d = 1 / (an * d + b or tiny)
            c = b + an / c or tiny
            h *= c * d
            if abs(c * d - 1) < mp.mpf(10) ** -70:
                return h * mp.exp(a * mp.log(x) - x - mp.loggamma(a))


def gamma_p(a, x):
    a, x = mp.mpf(a), mp.mpf(x)
    with mp.workdps(80):
        term = total = mp.mpf(1)
        n = a
        while term > total * mp.mpf(10) ** -75:
            n += 1
            term *= x / n
            total += term
        return total * mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1))


def chi2_sf(x, df):
    return gamma_q(mp.mpf(df) / 2, mp.mpf(x) / 2)


def ncx2_sf(x, df, lam):
    mean, half = mp.mpf(lam) / 2, mp.mpf(x) / 2
    shape = mp.mpf(df) / 2
    weight, tail = mp.exp(-mean), gamma_q(shape, half)
    step = mp.exp(shape * mp.log(half) - half - mp.loggamma(shape + 1))
    total, j = mp.mpf(0), 0
    while j < mean or weight > mp.mpf(10) ** -50 * total:
        total += weight * tail
        j += 1
        weight *= mean / j
        tail += step
        shape += 1
        step *= half / shape
    return total


def kolmogorov_sf(t):
    t = mp.mpf(t)
    if t < mp.mpf("0.3"):
        return 1 - mp.sqrt(2 * mp.pi) / t * mp.nsum(lambda k: mp.exp(-((2 * k - 1) ** 2) * mp.pi**2 / (8 * t**2)), [1, 40], method="d")
    total, k = mp.mpf(0), 1
    while True:
        term = mp.exp(-2 * k * k * t * t)
        total += term if k % 2 else -term
        k += 1
        if term < mp.mpf(10) ** -55 * abs(total):
            return 2 * total


def normal_sf(z):
    return mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2


def t_sf(t, df):
    t, df = mp.mpf(t), mp.mpf(df)
    if df > 1000:
        # mpmath's incomplete beta is slow here: integrate the density.
        density = lambda u: mp.exp(mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - (df + 1) / 2 * mp.log1p(u * u / df)) / mp.sqrt(df * mp.pi)
        with mp.workdps(40):
            return mp.quad(density, [t, t + 1, t + 2, t + 4, t + 8, t + 16, t + 40])
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2


def root(function, start, p):
    """The argument at which ln(function) is ln(p)."""
    target = mp.log(mp.mpf(p))
    start = mp.mpf(float(start))
    return mp.findroot(lambda x: mp.log(function(x)) - target, (start, start * mp.mpf("1.0000001")), tol=1e-70, verify=False)


def rows(function, cases):
    return [[*case, float(function(*case))] for case in cases]


LEVELS = [0.9, 0.5, 0.1, 0.05, 0.01, 1e-3, 2.3e-6, 1e-7, 1e-9, 1e-12, 1e-15]
special = {
    "lnGamma": rows(
        lambda x: mp.loggamma(mp.mpf(x)),
        [[x] for x in [1e-300, 1e-10, 0.01, 0.3, 0.5, 0.999999, 1.0000001, 1.2, 1.5, 1.99999999, 2.000001, 2.5, 2.7, 4.5, 9.999, 10, 12.3, 170.6, 1e4, 1e8, 1e300]],
    ),
    "gammaQ": rows(
        gamma_q,
        [
            [a, x]
            for a, xs in {
                1e-10: [1e-5, 0.1, 1, 5],
                0.01: [1e-300, 1e-20, 0.001, 0.9, 1.1, 30],
                0.5: [1e-8, 0.3, 0.999, 1.6, 10, 35],
                1: [0.1, 1.9, 2.1, 34.5],
                4.5: [0.01, 3, 5.4, 5.6, 21, 60],
                9.999: [1, 8, 12, 60],
                10: [1, 8, 12, 60],
                50: [20, 49, 52, 120, 180],
                1000: [700, 990, 1002, 1150, 1280],
                1e5: [98000, 99990, 100010, 101500, 102600],
            }.items()
            for x in xs
        ],
    ),
    "gammaP": rows(gamma_p, [[a, x] for a, xs in {0.01: [1e-300, 0.5, 3], 0.5: [1e-12, 0.4, 4], 4.5: [0.001, 2, 9], 50: [10, 45, 70], 1000: [760, 990, 1100]}.items() for x in xs]),
    "chi2Sf": rows(chi2_sf, [[x, df] for df in [1, 2, 3, 9, 11, 50, 99, 500] for x in [0.1, 1, float(df), 2.0 * df, df + 60.0, df + 400.0]]),
    "chi2Isf": [[p, df, float(root(lambda x: chi2_sf(x, df), stats.chi2.isf(p, df), p))] for df in [1, 2, 3, 9, 11, 50, 99, 500] for p in LEVELS],
    "gammaIsf": [
        [p, shape, scale, float(root(lambda x: gamma_q(shape, x), stats.gamma.isf(p, shape), p) * mp.mpf(scale))]
        for shape, scale in [(0.05, 3.0), (0.4, 10.0), (1.0, 1.0), (2.7, 0.5), (30.0, 4.0), (800.0, 1.5), (20000.0, 0.01)]
        for p in LEVELS
    ],
    "noncentralChi2Sf": rows(ncx2_sf, [[x, df, lam] for df, lam in [(1, 0.5), (9, 12), (11, 100), (50, 12), (9, 2000)] for x in [0.5 * (df + lam), 1.0 * (df + lam), 1.5 * (df + lam), df + lam + 16 * (2 * (df + 2 * lam)) ** 0.5 / 2]]),
    "noncentralChi2Isf": [
        [p, df, lam, float(root(lambda x: ncx2_sf(x, df, lam), stats.ncx2.isf(max(p, 1e-9), df, lam) * (1 if p >= 1e-9 else 1.2), p))]
        for df, lam in [(1, 0.5), (9, 12), (11, 100), (50, 12), (9, 2000)]
        for p in LEVELS
    ],
    "kolmogorovSf": rows(kolmogorov_sf, [[t] for t in [0.2, 0.3, 0.5, 0.8, 0.9999, 1, 1.2, 1.36, 2, 2.63, 3, 4.2, 6]]),
    "kolmogorovIsf": [[p, float(root(kolmogorov_sf, stats.kstwobign.isf(p), p))] for p in [0.999, *LEVELS]],
    "normalSf": rows(normal_sf, [[z] for z in [-8, -2, -0.1, -1e-9, 0, 1e-9, 0.1, 0.7, 1, 1.96, 4, 6, 8, 20]]),
    "normalIsf": [[p, float(root(normal_sf, stats.norm.isf(p), p))] for p in [0.9, 0.499, 0.31, 0.29, *LEVELS[2:]]],
    "studentTSf": rows(t_sf, [[t, df] for df in [1, 2.5, 13, 27, 250, 1e4, 1e6] for t in [0.1, 1, 1.9, 4, 6.5]] + [[1e6, 1], [1e4, 3], [25, 13]]),
    "studentTIsf": [[p, df, float(root(lambda t: t_sf(t, df), stats.t.isf(p, df), p))] for df in [1, 2.5, 13, 27, 250, 1e6] for p in [0.4, *LEVELS[2:]]],
}

# ---------------------------------------------------------------- statistics

generator = np.random.default_rng(20260101)


def deciles(m, n, shift=0.0):
    return generator.multinomial(m, [0.1] * 10), generator.multinomial(n, np.array([0.1] * 10) * np.linspace(1 - shift, 1 + shift, 10))


def skewed(m, n):
    p = np.array([0.6, 0.2, 0.1, 0.05, 0.03, 0.015, 0.005])
    return generator.multinomial(m, p), generator.multinomial(n, p[::-1] * 0.3 + p * 0.7)


pairs = {
    "deciles, no drift": deciles(20000, 600),
    "deciles, small drift": deciles(20000, 600, 0.1),
    "deciles, large drift": deciles(5000, 5000, 0.8),
    "skewed": skewed(2000, 300),
    "skewed, tiny current": skewed(10000, 12),
    "an empty bin on one side each": (np.array([50, 30, 0, 20, 7]), np.array([40, 0, 9, 31, 6])),
    "a bin that is empty on both sides": (np.array([50, 0, 30, 20]), np.array([40, 0, 9, 31])),
    "nothing in common": (np.array([50, 50, 0, 0]), np.array([0, 0, 10, 20])),
    "two bins": (np.array([980, 20]), np.array([450, 50])),
    "256 bins": (generator.poisson(400, 256), generator.poisson(6, 256)),
}


def share(counts):
    return counts / counts.sum()


def jeffreys(counts, used):
    return np.where(used, (counts + 0.5) / (counts.sum() + used.sum() / 2), 0)


def psi(p, q):
    return float(stats.entropy(p, q) + stats.entropy(q, p))


def psi_raw(p, q):
    """Without renormalising: filled shares do not add up to 1."""
    keep = (p > 0) & (q > 0)
    return float(np.sum(scipy.special.rel_entr(q[keep], p[keep]) + scipy.special.rel_entr(p[keep], q[keep])))


def finite(x):
    return float(x) if np.isfinite(x) else None


def statistics(r, c):
    p, q = share(r), share(c)
    used = (r > 0) | (c > 0)
    jp, jq = jeffreys(r, used), jeffreys(c, used)
    table = np.array([r[used], c[used]])
    g = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)
    x2 = stats.chi2_contingency(table, correction=False)
    support = np.cumsum(np.linspace(0.1, 2.0, len(r))) - 3
    values = np.arange(len(r))
    ks = stats.ks_2samp(np.repeat(values, r), np.repeat(values, c), method="asymp")
    fill = lambda s: np.where(s == 0, 1e-4, s)
    floor = lambda s: np.maximum(s, 0.01)
    return {
        "reference": [int(x) for x in r],
        "current": [int(x) for x in c],
        "support": [float(x) for x in support],
        "psi": psi(jp[used], jq[used]),
        "psi none": finite(psi(p[used], q[used])),
        "psi epsilon 1e-4": psi_raw(fill(p), fill(q)),
        "psi floor 0.01": psi_raw(floor(p), floor(q)),
        "kl": float(stats.entropy(jq[used], jp[used])),
        "kl_reverse": float(stats.entropy(jp[used], jq[used])),
        "kl none": finite(stats.entropy(q, p)),
        "kl epsilon 1e-4": float(stats.entropy(fill(q), fill(p))),
        "kl_reverse epsilon 1e-4": float(stats.entropy(fill(p), fill(q))),
        "kl floor 0.01": float(stats.entropy(floor(q), floor(p))),
        "jensen_shannon": float(jensenshannon(p, q) ** 2),
        "jensen_shannon distance base 2": float(jensenshannon(p, q, base=2)),
        "hellinger": float(mp.sqrt(sum((mp.sqrt(mp.mpf(int(a)) / int(r.sum())) - mp.sqrt(mp.mpf(int(b)) / int(c.sum()))) ** 2 for a, b in zip(r, c)) / 2)),
        "total_variation": float(np.abs(p - q).sum() / 2),
        "wasserstein": float(stats.wasserstein_distance(support, support, r, c)),
        "ks": float(ks.statistic),
        "g": [float(g[0]), int(g[2]), float(g[1])],
        "chi_square": [float(x2[0]), int(x2[2]), float(x2[1])],
    }


def exact_ks(m, n, d):
    """Exact two-sample p-value of two shifted grids whose D is d."""
    x, y = np.arange(m) / m, np.arange(n) / n + d - 1 / (2 * m)
    result = stats.ks_2samp(x, y, method="exact")
    return [m, n, float(result.statistic), float(result.pvalue)]


golden = {
    "made_by": f"make_detector_golden.py, scipy {scipy.__version__}, numpy {np.__version__}, mpmath {mp.__version__}",
    "special": special,
    "exact_ks": [exact_ks(*case) for case in [(1000, 1000, 0.06), (1000, 1000, 0.087), (10000, 100, 0.14), (10000, 100, 0.2), (10000, 1000, 0.065)]],
    "statistics": {name: statistics(*pair) for name, pair in pairs.items()},
}
path = pathlib.Path(__file__).with_name("detectors.golden.json")
lines = []
for name, table in golden["special"].items():
    lines.append(f"    {json.dumps(name)}: [\n" + ",\n".join("      " + json.dumps(row) for row in table) + "\n    ]")
body = "{\n" + f'  "made_by": {json.dumps(golden["made_by"])},\n' + '  "special": {\n' + ",\n".join(lines) + "\n  },\n"
body += f'  "exact_ks": {json.dumps(golden["exact_ks"])},\n'
body += '  "statistics": {\n' + ",\n".join(f"    {json.dumps(n)}: {json.dumps(s)}" for n, s in golden["statistics"].items()) + "\n  }\n}\n"
path.write_text(body)
print(path, sum(len(t) for t in special.values()), "special values")
