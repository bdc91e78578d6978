/** From an output's options to a producer: certificates read, secrets revealed when it connects. */

import type { KafkaOutputAccess } from "../config/outputs.ts";
import type { Clock } from "../lib/clock.ts";
import { createKafkaProducer, type KafkaProducer } from "./kafka/producer.ts";
import { kafkaCredentials } from "./kafka-connection.ts";

/** Makes a producer with the secrets as they are now. Rejects with KAFKA_FILE_UNREADABLE or what a secret's file throws. */
export async function openKafkaProducer(access: KafkaOutputAccess, clock: Clock): Promise<KafkaProducer> {
  return createKafkaProducer(await kafkaCredentials(access), clock);
}
