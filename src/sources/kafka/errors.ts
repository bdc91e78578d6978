/** Says in words what went wrong between driftd and Kafka: kafkajs's errors name what happened inside it, not what to do. */
import { coerceError, DriftdError } from "../../lib/errors.ts";

/** The closed list of `driftd_kafka_errors_total{reason}`. */
export type KafkaErrorReason = "connection" | "auth" | "coordinator" | "fetch" | "corrupt_batch" | "other";

type Rule = {
  readonly match: RegExp;
  readonly code: string;
  readonly reason: KafkaErrorReason;
  readonly fact: string;
  readonly hint: string;
};

/** First match wins; matched against name, protocol type and message of the error and its causes. */
const RULES: readonly Rule[] = [
  {
    match: /SASLAuthentication|SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/,
    code: "KAFKA_AUTHENTICATION",
    reason: "auth",
    fact: "the brokers refuse the user or the password",
    hint: "check kafka.sasl: mechanism, username and password (a secret file must not end with more than one newline)",
  },
  {
    match: /TOPIC_AUTHORIZATION_FAILED/,
    code: "KAFKA_NOT_AUTHORIZED",
    reason: "auth",
    fact: "the user may not read the topic",
    hint: "grant READ on the topic and READ on the consumer group; nothing else is needed",
  },
  {
    match: /UNKNOWN_TOPIC_OR_PARTITION|does not host this topic|INVALID_TOPIC_EXCEPTION/,
    code: "KAFKA_UNKNOWN_TOPIC",
    reason: "other",
    fact: "a topic does not exist, or the user may not see it",
    hint: "check kafka.topics; driftd never creates a topic",
  },
  {
    match: /GROUP_AUTHORIZATION_FAILED|Failed to find group coordinator|GroupCoordinatorNotFound|Not authorized to access group/,
    code: "KAFKA_GROUP",
    reason: "coordinator",
    fact: "the consumer group cannot be joined",
    hint: "this often means that the user lacks READ on the consumer group (kafka.group_id); else the brokers' coordinator is not available",
  },
  {
    match:
      /certificate|SELF_SIGNED|self.signed|wrong version number|SSL routines|ERR_TLS|packet length too long|ERR_SSL|before secure TLS connection/i,
    code: "KAFKA_TLS",
    reason: "connection",
    fact: "the TLS connection fails",
    hint: "check kafka.ssl: the brokers' certificate must be signed by the given ca and name the host; a plain listener needs ssl to be left out",
  },
  {
    match: /ConnectionClosedError|Closed connection/,
    code: "KAFKA_UNREACHABLE",
    reason: "connection",
    fact: "the brokers close the connection",
    hint: "when it always happens at once, the listener may want TLS (kafka.ssl) or authentication (kafka.sasl)",
  },
  {
    match:
      /ConnectionError|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|BrokerNotFound|NoBrokerAvailable|Connection timeout|RequestTimeout/,
    code: "KAFKA_UNREACHABLE",
    reason: "connection",
    fact: "no broker can be reached",
    hint: "check kafka.brokers, and that the brokers' advertised.listeners name addresses that this host can reach",
  },
  { match: /OFFSET_OUT_OF_RANGE|OffsetOutOfRange|Fetch/, code: "KAFKA_FAILED", reason: "fetch", fact: "reading failed", hint: "" },
  {
    match: /COORDINATOR|REBALANCE|MEMBER_ID|GENERATION|group/i,
    code: "KAFKA_FAILED",
    reason: "coordinator",
    fact: "the consumer group failed",
    hint: "",
  },
];

/** The error in words, as a `DriftdError` with a `KAFKA_` code; one that is a `DriftdError` already stays as it is. */
export function explainKafkaError(thrown: unknown, brokers: readonly string[], topics: readonly string[] = []): DriftdError {
  if (thrown instanceof DriftdError) return thrown;
  const error = coerceError(thrown);
  const rule = ruleFor(describe(error));
  const where = rule?.code.startsWith("KAFKA_UNKNOWN") || rule?.code === "KAFKA_NOT_AUTHORIZED" ? ` (topics ${topics.join(", ")})` : "";
  const fact = rule?.fact ?? "the Kafka client failed";
  return new DriftdError(rule?.code ?? "KAFKA_FAILED", `kafka ${brokers.join(", ")}: ${fact}${where}: ${error.message}`, {
    ...(rule?.hint ? { hint: rule.hint } : {}),
    cause: error,
  });
}

/** Which reason of `driftd_kafka_errors_total` a client's log line or error belongs to. */
export function reasonOf(text: string): KafkaErrorReason {
  return ruleFor(text)?.reason ?? "other";
}

/** Name, protocol type and message of an error and of what caused it, in one line. */
export function describe(error: Error): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { type, code } = at as { type?: unknown; code?: unknown };
    parts.push(at.name, String(type ?? ""), String(code ?? ""), at.message);
  }
  return parts.join(" ");
}

const ruleFor = (text: string) => RULES.find(({ match }) => match.test(text));
