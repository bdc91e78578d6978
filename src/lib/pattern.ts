/**
 * Whether a regular expression is safe to be matched against every record: text comes from strangers, and a pattern such as `(a+)+$` takes
 * exponential time over text made for it. A static look at the pattern, on the safe side: it refuses some that would do no harm.
 *
 * Safe is: no back-reference; no open repetition of something that has a choice or varies in length; at most three open repetitions (each is
 * a factor of the text's length in the worst case, and the text is cut at 200 characters).
 */

/** Open repetitions (`*`, `+`, `{2,}`, `{1,50}`) that one pattern may have. */
const MAX_LOOPS = 3;
/** A repetition with at most so many turns more than its least is not open: it only varies. */
const FEW_TURNS = 3;
/** Turns of something that varies. */
const MAX_VARYING_TURNS = 8;

/** What stands in a pair of brackets: open repetitions in it, and whether it can match one text in several ways. */
type Group = { loops: number; varying: boolean };

/** Why the pattern (a valid one, of the flag `u`) is not safe, in words; undefined: it is. O(length). */
export function unsafePattern(pattern: string): string | undefined {
  const open: Group[] = [{ loops: 0, varying: false }];
  /** The group that a quantifier here would apply to; undefined: a single character. */
  let last: Group | undefined;
  let afterQuantifier = false;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    const here = open.at(-1)!;
    const quantifier = afterQuantifier && character === "?" ? undefined : /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(pattern.slice(i))?.[0];
    if (quantifier !== undefined) {
      i += quantifier.length - 1;
      const { least, most } = turnsOf(quantifier);
      const inner = last ?? { loops: 0, varying: false };
      if (most - least > FEW_TURNS) {
        if (inner.loops > 0 || inner.varying) return "what it repeats without end can itself vary";
        here.loops++;
      } else {
        if (inner.varying && most > MAX_VARYING_TURNS) return "what it repeats often can itself vary";
        here.loops += inner.loops * Math.max(0, most - 1);
        here.varying ||= least !== most;
      }
      last = undefined;
      afterQuantifier = true;
      continue;
    }
    afterQuantifier = false;
    last = undefined;
    if (character === "\\") {
      i++;
      if (/[1-9k]/.test(pattern[i] ?? "")) return "it refers back to a group";
    } else if (character === "[") {
      for (i++; pattern[i] !== "]"; i++) if (pattern[i] === "\\") i++;
    } else if (character === "(") {
      open.push({ loops: 0, varying: false });
      i += (/^\(\?(?:[:=!]|<[=!]|<[^>]*>)/.exec(pattern.slice(i))?.[0].length ?? 1) - 1;
    } else if (character === "|") {
      here.varying = true;
    } else if (character === ")") {
      last = open.pop()!;
      const outer = open.at(-1)!;
      outer.loops += last.loops;
      outer.varying ||= last.varying;
    }
  }
  return open[0]!.loops > MAX_LOOPS ? `it has more than ${MAX_LOOPS} repetitions without end` : undefined;
}

function turnsOf(quantifier: string): { readonly least: number; readonly most: number } {
  if (quantifier === "?") return { least: 0, most: 1 };
  const [, least, comma, most] = /^\{(\d+)(,?)(\d*)\}$/.exec(quantifier) ?? [];
  if (least === undefined) return { least: 0, most: Number.POSITIVE_INFINITY };
  if (comma === "") return { least: Number(least), most: Number(least) };
  return { least: Number(least), most: most === "" ? Number.POSITIVE_INFINITY : Number(most) };
}
