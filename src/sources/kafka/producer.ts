/**
 * A small producer for single messages, with idempotence and all replicas' acknowledgement: what a retry inside kafkajs repeats is written once.
 * (Only the client's own retries: a message that is sent again later is a second record, with the same id in its header.)
 */
import type { Producer } from "kafkajs";
import type { Clock } from "../../lib/clock.ts";
import { createProducerClient, withDeadline } from "./client.ts";
import type { KafkaConnectionOptions } from "./options.ts";

export type ProducedMessage = {
  readonly key: string | null;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
};

export type KafkaProducer = {
  /** Resolves once all replicas have the message; rejects with what kafkajs throws. After a failure the next call connects anew. */
  readonly send: (topic: string, message: ProducedMessage, signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** How long a disconnect may take. */
const CLOSE_MS = 1_000;

/** Makes the producer; it connects at its first message. */
export function createKafkaProducer(options: KafkaConnectionOptions, clock: Clock): KafkaProducer {
  let client: { readonly producer: Producer; readonly close: () => void } | undefined;

  async function drop(): Promise<void> {
    const dropped = client;
    client = undefined;
    if (dropped === undefined) return;
    await withDeadline(clock, CLOSE_MS, dropped.producer.disconnect());
    dropped.close();
  }

  async function send(topic: string, { key, value, headers }: ProducedMessage, signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(Object.assign(new Error("stopped"), { code: "ABORT_ERR" }));
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (client === undefined) {
        client = createProducerClient(options);
        await Promise.race([client.producer.connect(), stopped.promise]);
      }
      const record = { topic, acks: -1, messages: [{ key, value, headers }] };
      await Promise.race([client.producer.send(record), stopped.promise]);
    } catch (thrown) {
      // kafkajs goes on trying behind our back: end it with its sockets.
      await drop();
      throw thrown;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  return { send, close: drop };
}
