/**
 * One life of a Kafka client: a consumer and an admin over sockets of our own, which `drop` ends for good.
 * kafkajs cannot be stopped in the middle of joining or reconnecting: a client left to itself would join the group again later,
 * as a foreign member. So its retries and its sockets end with it.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Admin, Consumer, ISocketFactory, LogEntry, Producer } from "kafkajs";
import type { Clock } from "../../lib/clock.ts";
import { createTopicReader, type TopicReader } from "./cluster.ts";
import { kafkajs } from "./kafkajs.ts";
import type { KafkaConnectionOptions, KafkaSettings } from "./options.ts";

const KEEP_ALIVE_MS = 60_000;
/** In place of kafkajs's 5: a broker that was away for minutes must not end the consumer. */
const RETRIES_WHILE_ALIVE = 1_000_000;
/** An attempt of the outbox is bounded by its own timeout, and comes again. */
const PRODUCER_RETRIES = 5;
const MAX_BYTES = 4 * 1024 * 1024;

export type KafkaClient = {
  readonly consumer: Consumer;
  /** For metadata and offsets; gives up after a few tries. */
  readonly admin: Admin;
  /** Leaves the group if that works within `deadlineMs`, then closes every connection; nothing goes on behind it. */
  readonly drop: (deadlineMs: number) => Promise<void>;
};

/** Makes the client; nothing is connected yet. */
export function createKafkaClient(settings: KafkaSettings, onLog: (entry: LogEntry) => void): KafkaClient {
  const sockets = trackSockets();
  const common = clientOptions(settings, sockets.factory, onLog);
  // kafkajs compares a count with this number at each retry, so it can end them all at once.
  const retries = { valueOf: () => (sockets.closed() ? 0 : RETRIES_WHILE_ALIVE) } as unknown as number;
  const retry = { initialRetryTime: 300, maxRetryTime: 2_000, retries, restartOnFailure: async () => false };
  const consumer = new kafkajs.Kafka({ ...common, retry }).consumer({
    groupId: settings.groupId,
    // Given again: kafkajs overrides the client's retries for consumers with 5.
    retry,
    sessionTimeout: settings.sessionTimeoutMs,
    rebalanceTimeout: 60_000,
    heartbeatInterval: Math.min(3_000, Math.floor(settings.sessionTimeoutMs / 3)),
    metadataMaxAge: settings.metadataIntervalMs,
    allowAutoTopicCreation: false,
    readUncommitted: false,
    // Fewer, fuller fetches at low rates.
    minBytes: 65_536,
    maxWaitTimeInMs: settings.maxWaitMs,
    maxBytesPerPartition: settings.maxBytesPerPartition,
    maxBytes: Math.max(MAX_BYTES, settings.maxBytesPerPartition),
  });
  const admin = new kafkajs.Kafka({ ...common, retry: { initialRetryTime: 200, maxRetryTime: 1_000, retries: 3 } }).admin();
  const drop = async (deadlineMs: number) => {
    const leaving = Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    await withDeadline(settings.clock, deadlineMs, leaving);
    sockets.close();
  };
  return { consumer, admin, drop };
}

/** A short-lived admin for checks, with one retry. */
export function createKafkaAdmin(options: KafkaConnectionOptions): { readonly admin: Admin; readonly close: () => Promise<void> } {
  const sockets = trackSockets();
  const retry = { initialRetryTime: 100, retries: 1 };
  const admin = new kafkajs.Kafka({ ...clientOptions(options, sockets.factory, () => {}), connectionTimeout: 5_000, retry }).admin();
  const close = async () => {
    await admin.disconnect().catch(() => {});
    sockets.close();
  };
  return { admin, close };
}

/** A reader of one topic without a group, with a few tries; `close` ends every connection. */
export function createKafkaReader(
  options: KafkaConnectionOptions,
  topic: string,
  onLog: (entry: LogEntry) => void,
): { readonly reader: TopicReader; readonly close: () => Promise<void> } {
  const sockets = trackSockets();
  const retry = { initialRetryTime: 200, maxRetryTime: 1_000, retries: 2 };
  const reader = createTopicReader({ ...clientOptions(options, sockets.factory, onLog), connectionTimeout: 5_000, retry }, topic);
  const close = async () => {
    await reader.disconnect().catch(() => {});
    sockets.close();
  };
  return { reader, close };
}

/** A producer with idempotence, with a few tries; `close` ends every connection. */
export function createProducerClient(options: KafkaConnectionOptions): { readonly producer: Producer; readonly close: () => void } {
  const sockets = trackSockets();
  const retries = { valueOf: () => (sockets.closed() ? 0 : PRODUCER_RETRIES) } as unknown as number;
  const retry = { initialRetryTime: 200, maxRetryTime: 2_000, retries };
  const common = { ...clientOptions(options, sockets.factory, () => {}), connectionTimeout: 5_000, retry };
  const producer = new kafkajs.Kafka(common).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    // Given again: kafkajs overrides the retries of an idempotent producer.
    retry,
  });
  return { producer, close: sockets.close };
}

/** Resolves with `promise`, or after `ms` without waiting for it any longer. */
export async function withDeadline(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const quiet = promise.then(
    () => settled.abort(),
    () => settled.abort(),
  );
  await Promise.race([quiet, clock.sleep(ms, settled.signal)]);
}

function clientOptions(
  { brokers, clientId, ssl, sasl }: KafkaConnectionOptions,
  socketFactory: ISocketFactory,
  onLog: (entry: LogEntry) => void,
) {
  return {
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    connectionTimeout: 10_000,
    authenticationTimeout: 10_000,
    requestTimeout: 30_000,
    enforceRequestTimeout: true,
    socketFactory,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => onLog,
  };
}

/** Sockets as kafkajs's own factory makes them, remembered so that all can be closed; after `close` no new one is made. */
function trackSockets(): { readonly factory: ISocketFactory; readonly close: () => void; readonly closed: () => boolean } {
  const open = new Set<Socket>();
  let closed = false;
  const factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (closed) throw new Error("this client was dropped");
    const secure = { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl };
    // kafkajs passes `true` through as well; spreading it adds nothing.
    const socket = ssl ? connectTls(secure, onConnect) : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    return socket;
  };
  const close = () => {
    closed = true;
    for (const socket of open) socket.destroy(new Error("this client was dropped"));
  };
  return { factory, close, closed: () => closed };
}
