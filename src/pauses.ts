/** Models whose retraining is paused over the API: facts in the store, so that a restart changes nothing. `retrain.paused` of the configuration is another matter. */

import type { Store } from "./store/store.ts";

export type Pauses = {
  /** Reads what the store remembers of models; of those that are known already nothing is read again. */
  readonly load: (models: readonly string[]) => Promise<void>;
  /** Since when the model is paused, epoch ms; undefined: it is not. */
  readonly since: (model: string) => number | undefined;
  /** The fact that says so; an empty value says that it is not. */
  readonly fact: (model: string, sinceMs: number | undefined) => { readonly name: string; readonly value: string };
  /** The fact stands in the store. */
  readonly set: (model: string, sinceMs: number | undefined) => void;
};

/** Nothing is known before `load`. */
export function createPauses(store: Pick<Store, "getFact">): Pauses {
  const known = new Map<string, number | undefined>();
  return {
    load: async (models) => {
      for (const model of models) {
        if (known.has(model)) continue;
        const text = await store.getFact(nameOf(model));
        known.set(model, text === undefined || text === "" ? undefined : Number(text));
      }
    },
    since: (model) => known.get(model),
    fact: (model, sinceMs) => ({ name: nameOf(model), value: sinceMs === undefined ? "" : String(sinceMs) }),
    set: (model, sinceMs) => void known.set(model, sinceMs),
  };
}

function nameOf(model: string): string {
  return `retrain_paused:${model}`;
}
