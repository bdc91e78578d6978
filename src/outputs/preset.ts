/**
 * What a target over HTTP says of itself: its options, its secrets, the messages it takes, and one attempt as a plain function over `Call`.
 * A new target is one file with one `definePreset` and one line in `presets/index.ts`; requests, secrets, time limits and redaction are in
 * `http-target.ts`.
 */

import type { OptionShape, OptionsOf } from "../config/output-options.ts";
import type { AnswerRules, HttpAnswer } from "./answer.ts";
import type { AttemptResult, MessageType } from "./output.ts";
import type { TemplateRoot } from "./template.ts";

/** A value that is never shown; the key has a twin `<key>_file`. */
export type SecretOption = {
  readonly description: string;
  readonly required?: boolean;
  /** What holds when it is not given. */
  readonly fallback?: string;
  /** The file that holds it when it is not given. */
  readonly fallbackFile?: string;
};

/** A message as a target sees it: the stored body, parsed. */
export type Message = {
  readonly id: string;
  readonly type: string;
  /** ISO 8601, of the decision. */
  readonly timestamp: string;
  readonly model: string;
  readonly version: string;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Auth =
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly username: string; readonly password: string };

/** One request of an attempt. */
export type Ask = {
  /** Absent: POST. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Put behind the target's URL. Absent: the URL itself. */
  readonly path?: string;
  /** In place of the target's URL and `path`. */
  readonly url?: string;
  /** Put behind the query that the URL has. */
  readonly query?: Record<string, string> | URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
  readonly auth?: Auth | undefined;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  /** A body as it is; its type stands in `headers`. */
  readonly body?: string;
};

/** What one attempt works with. */
export type Call<Settings> = {
  /** The options, secrets revealed. */
  readonly settings: Settings;
  readonly message: Message;
  /** The message as templates see it. */
  readonly root: TemplateRoot;
  /** Makes a request; resolves to any answer, rejects with what the connection throws (the attempt's end). */
  readonly ask: (request: Ask) => Promise<HttpAnswer>;
  /** The verdict on an answer: this target's rules, then the table of `answer.ts`. */
  readonly judge: (answer: HttpAnswer, rules?: AnswerRules) => AttemptResult;
  /** A failure that no answer brought: the message cannot be sent as the options want it. */
  readonly refuse: (problem: string) => AttemptResult;
  /** Kept from one attempt to the next, e.g. a token; what is in it is never shown. */
  readonly session: { token: string | undefined };
  readonly nowMs: () => number;
};

/** Something wrong with the options that no schema can say; `path` is inside the output. */
export type OptionSlip = { readonly path: readonly (string | number)[]; readonly message: string; readonly hint: string };

type Secrets = Readonly<Record<string, SecretOption>>;

/** The options as an attempt gets them: required secrets are there, others may be. */
export type SettingsOf<S extends OptionShape, K extends Secrets> = OptionsOf<S> & {
  readonly [P in keyof K as K[P] extends { required: true } | { fallback: string } | { fallbackFile: string } ? P : never]: string;
} & { readonly [P in keyof K]?: string };

export type PresetDefinition<S extends OptionShape, K extends Secrets> = {
  readonly type: string;
  /** One sentence: what a message becomes there. */
  readonly description: string;
  readonly options: S;
  readonly secrets: K;
  /** A certificate file that holds when `ca_file` is not given and the file is there. */
  readonly fallbackCaFile?: string;
  /** Options that are templates: checked against samples of all accepted messages. */
  readonly templates?: readonly (keyof S & string)[];
  /** The messages that it can carry. */
  readonly accepts: (options: OptionsOf<S>) => readonly MessageType[];
  /** Rules over several options; `given` also has the secrets' keys, with their values masked or not. */
  readonly check?: (options: OptionsOf<S>, given: ReadonlySet<string>) => readonly OptionSlip[];
  /** What a test message does there, where that is more than a message: `starts a real run`. */
  readonly onTest?: string;
  readonly attempt: (call: Call<SettingsOf<S, K>>) => Promise<AttemptResult>;
};

/** A preset whose options nobody needs to know. */
export type Preset = PresetDefinition<OptionShape, Secrets>;

/** Declares a target. The options' types stay inside: the configuration's schema is made from `options` and `secrets`, so they hold. */
export function definePreset<const S extends OptionShape, const K extends Secrets>(definition: PresetDefinition<S, K>): Preset {
  return definition as unknown as Preset;
}
