/**
 * The configuration as the stages get it: resolved, with absolute paths, milliseconds and bytes. Made by `load.ts`; nothing here is optional
 * because of a missing default. The spelling of the file (snake_case, `5m`) is in `effective`, masked.
 */

import type { OutputConfig } from "./outputs.ts";
import type { Secret } from "./secret.ts";

export type KafkaSsl = {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
};

export type KafkaSasl =
  | { readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; readonly username: string; readonly password: Secret }
  | { readonly mechanism: "oauthbearer"; readonly token: Secret };

export type KafkaConfig = {
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  readonly groupId: string;
  readonly clientId: string;
  /** Where a new store begins: an end of the log, or this long before now (the default: the longest window + allowed lateness). */
  readonly start: "earliest" | "latest" | { readonly durationMs: number };
  readonly ssl: KafkaSsl | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly maxBytesPerPartition: number;
  readonly maxWaitMs: number;
  readonly sessionTimeoutMs: number;
  /** Larger messages are dropped as `too_large`. */
  readonly maxMessageBytes: number;
};

type FileConfig = {
  /** Absolute path or glob, or `-` for standard input. */
  readonly path: string;
  /** Event time passes this many times faster than the clock; 0 = as fast as it goes. */
  readonly speed: number;
};

/** Keys from the record's root down to a field. */
type RecordPath = readonly string[];

type RecordConfig = {
  readonly id: RecordPath;
  readonly model: RecordPath;
  readonly version: RecordPath;
  /** Where the event time stands; undefined: the transport's timestamp is taken (`event_time.from: kafka`). */
  readonly timestamp: RecordPath | undefined;
  readonly features: RecordPath;
  readonly prediction: RecordPath;
  readonly label: RecordPath;
  /** Numbers of the record that are watched like features, by their name without the `$`. */
  readonly signals: ReadonlyMap<string, RecordPath>;
};

type EventTimeConfig = {
  readonly from: "record" | "kafka";
  readonly paneMs: number;
  readonly allowedLatenessMs: number;
  readonly idleTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly maxStepMs: number;
  /** A request for an older window is recorded as `stale` and not sent; null = any age is sent. */
  readonly actionMaxAgeMs: number | null;
};

type WindowConfig = { readonly name: string; readonly lengthMs: number; readonly slideMs: number };

/** Statistics that may carry a fixed threshold. */
type ThresholdStatistic = "psi" | "kl" | "kl_reverse" | "ks" | "jensen_shannon" | "hellinger" | "total_variation";

/** A statistic at or above a limit has that severity; at least one of the two is set, and warning <= critical. */
type FixedThreshold = { readonly warning: number | undefined; readonly critical: number | undefined };

export type Thresholds = "auto" | Readonly<Partial<Record<ThresholdStatistic, FixedThreshold>>>;

/**
 * Which snapshot judges: one file, one file per version by a pattern with `{version}`, or a list by version. Absolute paths. Or addresses that
 * are asked again and again: as soon as one of a model's references is no plain file, all of them are asked so.
 */
export type ReferenceConfig =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "pattern"; readonly pattern: string }
  | { readonly kind: "by_version"; readonly paths: ReadonlyMap<string, string> }
  | { readonly kind: "addresses"; readonly places: readonly ReferencePlace[]; readonly access: ReferenceAccess };

export type ReferencePlace = {
  /** The version that it is listed for; undefined: that of the snapshot itself, or every version. */
  readonly version: string | undefined;
  /** A file or a directory (absolute, `/` at its end), `http(s)://…`, `s3://…`, `mlflow://…`. */
  readonly address: string;
  /** How often it is asked; undefined: at start and reload only. */
  readonly refreshMs: number | undefined;
};

/** How the addresses of a model are asked. */
export type ReferenceAccess = {
  /** Of one fetch, with the body. */
  readonly timeoutMs: number;
  readonly http: HttpAccess & { readonly headers: Readonly<Record<string, Secret>> };
  readonly s3: S3Access;
};

/** How to log in at a server, and whom to trust there. */
export type HttpAccess = {
  readonly token: Secret | undefined;
  /** With `password`. */
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly caFile: string | undefined;
};

export type S3Access = {
  /** Undefined: that of AWS. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Undefined: requests are not signed. */
  readonly keys: { readonly accessKeyId: Secret; readonly secretAccessKey: Secret; readonly sessionToken: Secret | undefined } | undefined;
  readonly caFile: string | undefined;
};

/** MLflow's tracking server. */
export type MlflowAccess = HttpAccess & { readonly url: Secret };

export type MlflowConfig = MlflowAccess & {
  /** Key of the signatures of its webhooks; undefined: none is taken. */
  readonly webhookSecret: Secret | undefined;
  /** Registered name → model. */
  readonly models: ReadonlyMap<string, string>;
};

/** What is done at the times of a cron expression. */
export type CalendarEntry = {
  readonly name: string;
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly action: "retrain" | "digest" | "refresh";
  readonly models: readonly string[];
  /** Of a digest: names of outputs; each exists in `Config.outputs`. */
  readonly to: readonly string[];
  /** What is done at start when due times have passed meanwhile. */
  readonly missed: "once" | "skip";
};

export type RetrainConfig = {
  /** Names of outputs; each exists in `Config.outputs`. */
  readonly to: readonly string[];
  /** Undefined: one request an episode. */
  readonly repeatIntervalMs: number | undefined;
  /** Requests a model may make in 24 hours. */
  readonly dailyLimit: number;
  readonly dryRun: boolean;
  readonly paused: boolean;
  /** Records that the window must hold. */
  readonly minSamples: number;
  /** How long a request holds the next one back without a word of the pipeline; undefined: it does not. */
  readonly inProgressTimeoutMs: number | undefined;
  readonly approval: "auto" | "manual";
};

/** Who is told when an episode fires, becomes critical and is over. */
export type NotifyConfig = {
  /** Names of outputs; each exists in `Config.outputs`. */
  readonly to: readonly string[];
  /** The least that is told. */
  readonly severity: "warning" | "critical";
  /** Episodes of broken data too. */
  readonly quality: boolean;
};

/** How a reference is renewed from closed panes. */
export type RenewConfig = {
  readonly everyMs: number;
  readonly days: number;
  /** PSI less its noise between the first reference and today's traffic that is a warning. */
  readonly maxDistance: number;
};

/** One check of one feature; `tolerate` is the share of records that may break it, 0–1. */
export type ExpectationConfig = { readonly tolerate: number } & (
  | { readonly check: "not_null" }
  | { readonly check: "type"; readonly type: "number" | "integer" | "text" | "boolean" }
  | { readonly check: "between"; readonly min: number | undefined; readonly max: number | undefined }
  | { readonly check: "in_set"; readonly values: readonly (string | number | boolean)[] }
  | { readonly check: "matches"; readonly pattern: string }
);

export type VolumeConfig = {
  readonly against: "history" | "reference" | "off";
  /** No record for so long is silence; null: never; `auto`: when the past says that records were due. */
  readonly silenceMs: number | "auto" | null;
  /** Share of repeated ids that is tolerated; null: ids are not looked at. */
  readonly duplicates: number | null;
};

/** Numbers as older tools compute them. Undefined: not shown. */
export type CompatConfig = {
  readonly psi: { readonly zero: CompatZero; readonly bins: CompatBins } | undefined;
  readonly kl: { readonly direction: "current||reference" | "reference||current" } | undefined;
  readonly js: { readonly base: "e" | 2; readonly form: "distance" | "divergence" } | undefined;
};
type CompatZero = { readonly kind: "jeffreys" | "evidently" } | { readonly kind: "epsilon" | "floor"; readonly value: number };
type CompatBins =
  | { readonly kind: "coarse" | "deciles" | "doane" }
  | { readonly kind: "width"; readonly bins: number }
  | { readonly kind: "edges"; readonly edges: readonly number[] }
  | { readonly kind: "edges_by_feature"; readonly edges: Readonly<Record<string, readonly number[]>> };

export type OutliersConfig = { readonly path: string; readonly share: number; readonly perMinute: number };

export type ModelConfig = {
  readonly name: string;
  readonly reference: ReferenceConfig;
  /** Age of the reference in force from which `do: refresh` of the calendar warns; undefined: any. */
  readonly maxAgeMs: number | undefined;
  /** Undefined: the reference stays as it is. */
  readonly renew: RenewConfig | undefined;
  /** By feature; empty: none. */
  readonly expectations: ReadonlyMap<string, readonly ExpectationConfig[]>;
  /** Growth of a share of bad values that is a finding, 0–1. */
  readonly quality: { readonly growth: number };
  readonly volume: VolumeConfig;
  readonly compat: CompatConfig;
  readonly outliers: OutliersConfig | undefined;
  readonly maxVersions: number;
  readonly thresholds: Thresholds;
  readonly falseAlarms: { readonly budget: number; readonly perMs: number };
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly retrain: RetrainConfig | undefined;
  /** Undefined: nobody is told. */
  readonly notify: NotifyConfig | undefined;
  /** `include` undefined: every feature of the reference; then `exclude` is taken away. */
  readonly features: {
    readonly include: readonly string[] | undefined;
    readonly exclude: readonly string[];
    /** Values of these are never kept nor shown. */
    readonly sensitive: readonly string[];
  };
};

export type Config = {
  /** Absolute path of the file, for messages. */
  readonly path: string;
  /** At most one of `kafka` and `file` is set; with neither, only commands that bring their own input work. */
  readonly kafka: KafkaConfig | undefined;
  readonly file: FileConfig | undefined;
  readonly record: RecordConfig;
  readonly store: { readonly type: "sqlite"; readonly path: string; readonly retentionMs: number };
  /** `host` is empty for all addresses. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly reload: boolean;
    /** Without a slash at its end. */
    readonly externalUrl: string;
    /** What every POST has to bring; undefined: nothing, and then only a loopback address answers. */
    readonly token: Secret | undefined;
    /** Reached from this machine alone. */
    readonly loopback: boolean;
  };
  readonly eventTime: EventTimeConfig;
  /** Shortest first. */
  readonly windows: readonly WindowConfig[];
  readonly outputs: ReadonlyMap<string, OutputConfig>;
  /** Where the event log is written; undefined: nowhere but the store. */
  readonly eventLog: { readonly path: string | undefined };
  readonly models: readonly ModelConfig[];
  /** Undefined: there is none. */
  readonly mlflow: MlflowConfig | undefined;
  /** In the order of the file. */
  readonly calendar: readonly CalendarEntry[];
  readonly metrics: { readonly features: "all" | "drifted" | "none"; readonly maxSeries: number };
  readonly log: { readonly level: "debug" | "info" | "warn" | "error"; readonly format: "json" | "text" | "auto" };
  /** The effective configuration in the file's own spelling, defaults filled, secrets masked: plain JSON. */
  readonly effective: Readonly<Record<string, unknown>>;
};
