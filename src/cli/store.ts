/** `driftd store export`: the pane log as NDJSON, one pane a line, beside a running daemon or without one. */

import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { DriftdError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { readVersion } from "../lib/version.ts";
import { paneLine } from "../store/pane-line.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import { type CommandSpec, exitCodes, helpText, type Io, parseArgs } from "./args.ts";

const spec: CommandSpec = {
  name: "store",
  description:
    "Print every pane of the store as NDJSON, one pane a line, in any order. Works beside a running daemon.\nExits 0 when all of it was printed, 2 when it could not be done.",
  flags: {
    config: { value: "FILE", description: "The configuration that names the store." },
    store: { value: "FILE", description: "The store itself, instead of a configuration." },
    model: { value: "NAME", description: "Only panes of this model." },
    final: { description: "Leave open panes out." },
  },
  positionals: { name: "export", description: "What to do with the store: export.", min: 1, max: 1 },
};

/** Runs the command; returns the exit code. Rejects with `USAGE`, `CONFIG_*`, `STORE_*`. */
export async function storeCommand(args: string[], io: Io): Promise<number> {
  const parsed = parseArgs(spec, args);
  if (parsed.help) {
    io.stdout(helpText(spec));
    return exitCodes.fine;
  }
  const [action] = parsed.positionals;
  if (action !== "export") {
    throw new DriftdError("USAGE", `driftd store: unknown action ${JSON.stringify(action)}`, { hint: "write driftd store export" });
  }
  const path = await storePath(parsed.text("store"), parsed.text("config"), io);
  const store = await openSqliteStore({ path, readOnly: true, log: silentLog, driftdVersion: readVersion(io.env).version });
  try {
    const model = parsed.text("model");
    const layouts = new Map((await store.layouts()).map((layout) => [layout.hash, layout]));
    await store.eachPane({ ...(model === undefined ? {} : { model }), finalOnly: parsed.has("final") }, async (panes) => {
      io.signal?.throwIfAborted();
      // A daemon beside us may have stored a new layout since.
      if (!panes.every((pane) => layouts.has(pane.key.layout)))
        for (const layout of await store.layouts()) layouts.set(layout.hash, layout);
      for (const pane of panes) io.stdout(paneLine(pane, layouts));
    });
    return exitCodes.fine;
  } finally {
    await store.close();
  }
}

async function storePath(store: string | undefined, config: string | undefined, io: Io): Promise<string> {
  if (store !== undefined) return resolve(io.cwd, store);
  if (config === undefined) {
    throw new DriftdError("USAGE", "driftd store export: neither --config nor --store is given", {
      hint: "write driftd store export --config driftd.yaml",
    });
  }
  return (await loadConfig(resolve(io.cwd, config), io.env, { source: "optional" })).config.store.path;
}
