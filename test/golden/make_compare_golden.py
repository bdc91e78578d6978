"""Makes compare.golden.json: older tools' numbers and exact tails, computed by numpy and scipy from raw values.

    pip install numpy scipy mpmath
    python3 test/golden/make_compare_golden.py

The tools' rules are written down here from their descriptions, over the raw values and not over bins; nothing here reads the TypeScript code.

- zeros: Evidently fills each side's empty bins with 1e-4, or with a millionth of its smallest share where that is at most 1e-4, and does not
  renormalise; `epsilon:x` replaces empty shares by x; `floor:x` raises every smaller share to x (deepchecks); Jeffreys adds half a row to each bin that
  is used by either side.
- bins: different reference deciles with open ends (numpy's percentiles), N equal widths of the reference's range with one bin beyond each end, Doane's equal
  widths with one bin for all that is beyond (NannyML), given edges with one bin beyond each end. All are [a, b), the last one closed.
"""

import json
import pathlib

import mpmath as mp
import numpy as np
import scipy
from scipy import stats
from scipy.spatial.distance import jensenshannon

generator = np.random.default_rng(20260102)


def floats(values):
    return [float(x) for x in values]


def normal(m, n):
    return np.round(generator.normal(0, 1, m), 6), np.round(generator.normal(0.3, 1.2, n), 6)


def lognormal(m, n):
    return np.round(np.exp(generator.normal(0, 1, m)), 6), np.round(np.exp(generator.normal(0.2, 1, n)), 6)


def integers(m, n):
    return generator.poisson(3, m).astype(float), generator.poisson(4, n).astype(float)


def inflated(m, n):
    return (
        np.where(generator.random(m) < 0.4, 0, np.round(generator.exponential(5, m), 3)),
        np.where(generator.random(n) < 0.3, 0, np.round(generator.exponential(7, n), 3)),
    )


def ends(m, n):
    """The reference's own deciles and extremes occur in the current data: which side of an edge they fall on is what is asked."""
    reference = np.sort(np.round(generator.normal(0, 1, m), 3))
    edges = np.concatenate([np.quantile(reference, np.linspace(0, 1, 11)), np.linspace(reference[0], reference[-1], 21)])
    return reference, np.concatenate([np.repeat(edges, 5), np.round(generator.normal(0.5, 1, n), 3)])


datasets = {
    "normal": normal(3000, 700),
    "lognormal": lognormal(2500, 900),
    "integers": integers(2000, 400),
    "zero-inflated": inflated(3000, 800),
    "values on the edges": ends(1500, 300),
    "constant": (np.full(500, 7.0), np.concatenate([np.full(300, 7.0), np.full(20, 9.0)])),
    "no overlap": (np.round(generator.normal(0, 1, 800), 4), np.round(generator.normal(50, 1, 300), 4)),
}
GIVEN = [-1.0, 0.0, 0.5, 2.0, 4.0]


def counted(values, edges, beyond):
    inside = np.histogram(values, edges)[0]
    below, above = int((values < edges[0]).sum()), int((values > edges[-1]).sum())
    if beyond == "both":
        return np.concatenate([[below], inside, [above]])
    return np.concatenate([inside, [below + above]])


def used(r, c, beyond):
    """Without the bins beyond the edges that neither side uses: no tool would have made them."""
    keep = np.ones(len(r), dtype=bool)
    for k in beyond:
        keep[k] = r[k] > 0 or c[k] > 0
    return r[keep], c[keep]


def bins_of(name, reference, current):
    if name == "deciles":
        inner = np.unique(np.percentile(reference, np.arange(0, 101, 10)))[1:-1]
        place = lambda values: np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)
        return place(reference), place(current)
    if name == "doane":
        edges = np.histogram_bin_edges(reference, bins="doane")
        return used(counted(reference, edges, "one"), counted(current, edges, "one"), [-1])
    edges = np.array(GIVEN) if name == "edges" else np.histogram_bin_edges(reference, bins=int(name.split(":")[1]))
    return used(counted(reference, edges, "both"), counted(current, edges, "both"), [0, -1])


def evidently(share):
    smallest = share[share > 0].min()
    return np.where(share == 0, smallest / 10**6 if smallest <= 0.0001 else 0.0001, share)


def filled(zero, r, c):
    p, q = r / r.sum(), c / c.sum()
    if zero == "jeffreys":
        used = (r > 0) | (c > 0)
        p, q = (r[used] + 0.5) / (r.sum() + used.sum() / 2), (c[used] + 0.5) / (c.sum() + used.sum() / 2)
    elif zero == "evidently":
        p, q = evidently(p), evidently(q)
    elif zero.startswith("epsilon"):
        x = float(zero.split(":")[1])
        p, q = np.where(p == 0, x, p), np.where(q == 0, x, q)
    else:
        x = float(zero.split(":")[1])
        p, q = np.maximum(p, x), np.maximum(q, x)
    return p, q


def numbers(r, c):
    out = {}
    for zero in ["jeffreys", "evidently", "epsilon:0.0001", "floor:0.01"]:
        p, q = filled(zero, r, c)
        out[f"psi {zero}"] = float(np.sum((q - p) * np.log(q / p)))
        out[f"kl {zero} current||reference"] = float(stats.entropy(q, p))
        out[f"kl {zero} reference||current"] = float(stats.entropy(p, q))
    p, q = r / r.sum(), c / c.sum()
    for base, log in [("e", np.e), ("2", 2)]:
        distance = float(jensenshannon(p, q, base=log))
        out[f"js {base} distance"] = distance
        out[f"js {base} divergence"] = distance**2
    return out


cases = {}
for name, (reference, current) in datasets.items():
    by_bins = {}
    for bins in ["deciles", "width:20", "doane", "edges"]:
        r, c = bins_of(bins, reference, current)
        by_bins[bins] = {"reference": [int(x) for x in r], "current": [int(x) for x in c], **numbers(r, c)}
    cases[name] = {"reference": floats(reference), "current": floats(current), "bins": by_bins}

sparse = (np.array([15000, 4999, 1, 0, 0]), np.array([300, 90, 0, 10, 0]))
vectors = {"a share below 1e-4 beside empty bins": {"reference": [int(x) for x in sparse[0]], "current": [int(x) for x in sparse[1]], **numbers(*sparse)}}

mp.mp.dps = 40


def binomial(n, k):
    return mp.mpf(0) if k < 0 or k > n else mp.binomial(n, k)


def tail(x, highest, probability):
    return float(mp.fsum(probability(k) for k in range(x, min(highest, x + 1500) + 1)))


tails = {
    "hypergeometric": [
        [x, s, n, total, tail(x, min(s, n), lambda k: binomial(s, k) * binomial(total - s, n - k) / binomial(total, n))]
        for x, s, n, total in [(0, 5, 5, 20), (3, 3, 5, 10), (10, 13, 500, 20500), (60, 80, 5000, 10000), (300, 400, 400, 5400), (2, 40, 100, 400), (15, 15, 4000, 4030), (5, 4, 10, 20)]
    ],
    "beta_binomial": [
        [x, n, a, b, tail(x, n, lambda k: binomial(n, k) * mp.beta(a + k, b + n - k) / mp.beta(a, b))]
        for x, n, a, b in [(0, 10, 2, 99), (1, 1, 2, 3), (5, 400, 2, 399), (40, 5000, 2, 399), (12, 30, 1, 30), (90, 1000, 30.5, 900), (20, 1000, 30.5, 900), (300, 20000, 2, 2999)]
    ],
}

path = pathlib.Path(__file__).with_name("compare.golden.json")
lines = [f"    {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()]
path.write_text(
    "{\n"
    + f'  "made_by": {json.dumps(f"make_compare_golden.py, scipy {scipy.__version__}, numpy {np.__version__}")},\n'
    + f'  "given": {json.dumps(GIVEN)},\n  "cases": {{\n'
    + ",\n".join(lines)
    + f'\n  }},\n  "vectors": {json.dumps(vectors)},\n  "tails": {json.dumps(tails)}\n}}\n'
)
print(path, path.stat().st_size)
