/** What is decided about one model and version: the rule that it obeys, the rows and effects that come of it, and how it stands. Types only. */

import type { OutboxMessage } from "../outputs/output.ts";
import type { AlertStateRow, EventRow } from "../store/store.ts";
import type { AlertPhase, Episode, Severity } from "./alert.ts";
import type { NotifyRule, Withdrawal } from "./notices.ts";
import type { FailingCheck } from "./quality.ts";
import type { RetrainRecord } from "./record.ts";
import type { RetrainRule, SendReason, SuppressReason } from "./retrain.ts";
import type { AlertRule, Change } from "./transition.ts";

/** What the configuration says about one model. */
export type DecideRule = {
  readonly alert: AlertRule;
  /** Undefined: nobody is asked to retrain it. */
  readonly retrain: RetrainRule | undefined;
  /** Undefined: nobody is told of episodes. */
  readonly notify?: NotifyRule | undefined;
  /** Go into the messages as they are. */
  readonly links?: Readonly<Record<string, string>>;
  /** Address of the API's requests, where a pipeline reports back; undefined: requests carry no link for that. */
  readonly callbacks?: string;
};

/** What became of a retraining: for counters, logs and the replay's report. */
export type RetrainNote = {
  readonly model: string;
  readonly version: string;
  /** Null: none is firing. */
  readonly episode: string | null;
  readonly severity: Severity | null;
  /** End of the window that it rests on; of a request without one, the moment. */
  readonly endMs: number;
  /** Ranked. */
  readonly features: readonly string[];
} & (
  | {
      readonly action: "send";
      readonly reason: SendReason;
      readonly request: string;
      /** Nothing is sent yet while it waits for approval. */
      readonly status: "requested" | "awaiting_approval";
    }
  | {
      readonly action: "suppress";
      readonly reason: SuppressReason;
      /** With `dry_run`: the id that it would have had. */
      readonly request: string | undefined;
    }
);

/** Rows for `Store.commitDecision`, and what to do after the commit. */
export type Decision = {
  /** At most one for each model and version, only where it changed. */
  readonly alertState: readonly AlertStateRow[];
  /** Episodes that fired, to be put under their id; a pending one is no episode yet. */
  readonly episodes: readonly Episode[];
  readonly outbox: readonly OutboxMessage[];
  readonly events: readonly EventRow[];
  /** Requests for retraining, new ones and those that moved. */
  readonly requests: readonly RetrainRecord[];
  /** Outbox ids that have lost their point, since their episode is over: `outbox.cancel` takes those that still wait. */
  readonly cancel: readonly string[];
  /** Notices of an episode that is over: `outbox.withdraw` takes those whose beginning nobody was told. */
  readonly withdraw: readonly Withdrawal[];
  readonly changes: readonly Change[];
  /** Of the quality of the data: never a reason to retrain. */
  readonly quality: readonly Change[];
  readonly retrain: readonly RetrainNote[];
};

/** One model and version as it stands, for the API and the metrics. */
export type Alert = {
  readonly model: string;
  readonly version: string;
  readonly phase: AlertPhase;
  /** The pending or firing episode. */
  readonly episode: Episode | null;
  /** Sustained now, in the order of (feature, window). */
  readonly features: readonly { readonly feature: string; readonly window: string; readonly severity: Severity }[];
  /** The same for the quality of the data, check by check. */
  readonly quality: { readonly phase: AlertPhase; readonly episode: Episode | null; readonly checks: readonly FailingCheck[] };
};
