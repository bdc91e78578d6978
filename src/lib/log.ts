/** What a stage may say to the log: object first, then a short constant phrase. Implemented by `logger.ts` (pino). */

export type LogFunction = (fields: Readonly<Record<string, unknown>>, message: string) => void;

export type Log = {
  readonly debug: LogFunction;
  readonly info: LogFunction;
  readonly warn: LogFunction;
  readonly error: LogFunction;
};

/** A log that says nothing. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
