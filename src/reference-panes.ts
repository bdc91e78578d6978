/** Reads closed panes of the store into a sum for a reference, a stretch at a time. Used by renewal and by `driftd reference build --from-store`. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { DriftdError } from "./lib/errors.ts";
import { DAY_MS, type PaneSums, sumPanes } from "./reference/from-panes.ts";
import type { RowLayout } from "./reference/layout.ts";
import type { RenewalDays } from "./reference/renewal.ts";
import type { Snapshot } from "./reference/snapshot.ts";
import type { Store } from "./store/store.ts";

/** One question to the store brings about this many slots of one partition (4 bytes each, 4 MB): it is added up in a few milliseconds. */
const STRETCH_SLOTS = 1_000_000;
/** Slots that are added before the loop gives way to the event loop: a few milliseconds. */
const TURN_SLOTS = 100_000;
const HOUR_MS = 3_600_000;
/** Panes last five minutes, if not longer. */
const PANES_PER_HOUR = 12;

export type StoreSums = {
  readonly summed: PaneSums;
  /** Panes with records that were left out: still open, or with a loss in them. Those of days that are left out are not counted. */
  readonly open: number;
  readonly incomplete: number;
};

/**
 * Sums the closed panes of a model (of one version, or of every one: undefined) that start in the range, in canonical order. Rejects with
 * `STORE_*`.
 */
export async function sumStore(
  store: Pick<Store, "panes" | "layouts">,
  base: Snapshot,
  { model, version, range }: { readonly model: string; readonly version: string | undefined; readonly range: RenewalDays },
): Promise<StoreSums> {
  const layouts = new Map<string, RowLayout>((await store.layouts()).map((layout) => [layout.hash, layout]));
  const summed = sumPanes(base);
  const slots = Math.max(1, ...[...layouts.values()].map((layout) => layout.slots));
  // Stretches divide a day, so that days that are left out are not read at all.
  const hours = [24, 12, 6, 3, 1].find((length) => length * PANES_PER_HOUR * slots <= STRETCH_SLOTS) ?? 1;
  let open = 0;
  let incomplete = 0;
  let added = 0;
  for (let fromMs = range.fromMs; fromMs < range.toMs; ) {
    const toMs = Math.min(range.toMs, (Math.floor(fromMs / (hours * HOUR_MS)) + 1) * hours * HOUR_MS);
    if (!range.leftOut.has(Math.floor(fromMs / DAY_MS))) {
      for (const pane of await store.panes({ model, ...(version === undefined ? {} : { version }), fromMs, toMs })) {
        if (pane.records === 0) continue;
        if (!pane.final) open++;
        else if (pane.incomplete) incomplete++;
        else {
          summed.add(pane, await layoutOf(pane.key.layout), range.vanished);
          added += pane.counts.length;
          if (added < TURN_SLOTS) continue;
          added = 0;
          await nextTurn();
        }
      }
    }
    fromMs = toMs;
  }
  return { summed, open, incomplete };

  async function layoutOf(hash: string): Promise<RowLayout> {
    let layout = layouts.get(hash);
    if (layout === undefined) {
      // A daemon beside us may have stored a new one since.
      for (const row of await store.layouts()) layouts.set(row.hash, row);
      layout = layouts.get(hash);
    }
    if (layout === undefined) throw new DriftdError("STORE_CORRUPT", `the store has panes of layout ${hash} but not the layout`);
    return layout;
  }
}
