/** Progress for people: a bar that moves on a terminal, plain lines elsewhere. */

import { systemClock } from "../lib/clock.ts";

const WIDTH = 32;
const FRAME_MS = 100;

export type Progress = {
  /** Runs a step and says how long it took. */
  readonly during: <T>(name: string, step: () => Promise<T>) => Promise<T>;
  /** Shows a share (0–1) until `work` is done. */
  readonly until: <T>(name: string, share: () => number, work: Promise<T>) => Promise<T>;
  /** Prints something in the middle of a bar. */
  readonly interrupt: (print: () => void) => void;
};

/** Progress on a stream. */
export function createProgress(out: NodeJS.WriteStream): Progress {
  const moves = out.isTTY === true;
  const clear = () => void (moves && out.write("\r\u001b[2K"));
  const done = (name: string, beganMs: number) => {
    clear();
    out.write(`✓ ${name} (${((systemClock.monotonicMs() - beganMs) / 1000).toFixed(1)} s)\n`);
  };
  return {
    during: async (name, step) => {
      const beganMs = systemClock.monotonicMs();
      if (moves) out.write(`… ${name}`);
      const result = await step();
      done(name, beganMs);
      return result;
    },
    until: async (name, share, work) => {
      const beganMs = systemClock.monotonicMs();
      const draw = () => {
        const filled = Math.round(Math.min(1, share()) * WIDTH);
        clear();
        out.write(`  ${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${(Math.min(1, share()) * 100).toFixed(0).padStart(3)} %  ${name}`);
      };
      const end = moves ? systemClock.every(FRAME_MS, draw) : () => {};
      try {
        const result = await work;
        done(name, beganMs);
        return result;
      } finally {
        end();
      }
    },
    interrupt: (print) => {
      clear();
      print();
    },
  };
}
