/** One-off questions to the brokers: does the configuration reach them, and do the topics exist. */
import { createKafkaAdmin } from "./client.ts";
import { explainKafkaError } from "./errors.ts";
import type { KafkaConnectionOptions } from "./options.ts";

/**
 * Connects, looks the topics up and disconnects again; resolves to the topics with their numbers of partitions.
 * @throws DriftdError KAFKA_UNREACHABLE, KAFKA_TLS, KAFKA_AUTHENTICATION, KAFKA_UNKNOWN_TOPIC, KAFKA_NOT_AUTHORIZED or KAFKA_FAILED.
 */
export async function checkBrokers(
  options: KafkaConnectionOptions & { readonly topics: readonly string[] },
): Promise<{ topics: { name: string; partitions: number }[] }> {
  const { admin, close } = createKafkaAdmin(options);
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [...options.topics] });
    return { topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.length })) };
  } catch (thrown) {
    throw explainKafkaError(thrown, options.brokers, options.topics);
  } finally {
    await close();
  }
}

/** Whether a broker answers at these addresses now. */
export async function answersAsBroker(brokers: readonly string[]): Promise<boolean> {
  const { admin, close } = createKafkaAdmin({ brokers, clientId: "driftd-probe" });
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await close();
  }
}
