import { describe, expect, it } from "vitest";
import { DriftdError } from "../../../src/lib/errors.ts";
import { explainKafkaError, reasonOf } from "../../../src/sources/kafka/errors.ts";

const named = (name: string, message: string, more: object = {}) => Object.assign(new Error(message), { name, ...more });

describe("errors from Kafka in words", () => {
  it.each([
    ["a wrong password", named("KafkaJSSASLAuthenticationError", "SASL SCRAM SHA256 authentication failed"), "KAFKA_AUTHENTICATION"],
    [
      "no right on the topic",
      named("KafkaJSProtocolError", "Not authorized", { type: "TOPIC_AUTHORIZATION_FAILED" }),
      "KAFKA_NOT_AUTHORIZED",
    ],
    ["an unknown topic", named("KafkaJSProtocolError", "This server does not host this topic-partition"), "KAFKA_UNKNOWN_TOPIC"],
    ["no right on the group, as kafkajs puts it", named("KafkaJSNonRetriableError", "Failed to find group coordinator"), "KAFKA_GROUP"],
    ["an unknown certificate", named("KafkaJSConnectionError", "Connection error: unable to verify the first certificate"), "KAFKA_TLS"],
    ["a broker that hangs up", named("KafkaJSConnectionClosedError", "Closed connection"), "KAFKA_UNREACHABLE"],
    [
      "no broker",
      named("KafkaJSNumberOfRetriesExceeded", "x", { cause: named("KafkaJSConnectionError", "connect ECONNREFUSED") }),
      "KAFKA_UNREACHABLE",
    ],
    ["anything else", named("KafkaJSError", "odd"), "KAFKA_FAILED"],
    ["no error at all", "odd", "KAFKA_FAILED"],
  ])("%s", (_name, thrown, code) => {
    const explained = explainKafkaError(thrown, ["b:9092"], ["t"]);
    expect(explained.code).toBe(code);
    expect(explained.message).toContain("b:9092");
  });

  it("names the topics where they matter, and what to do", () => {
    const explained = explainKafkaError(
      named("KafkaJSProtocolError", "x", { type: "UNKNOWN_TOPIC_OR_PARTITION" }),
      ["b:9092"],
      ["one", "two"],
    );
    expect(explained.message).toContain("one, two");
    expect(explained.hint).toContain("kafka.topics");
  });

  it("leaves an error of ours as it is", () => {
    const ours = new DriftdError("KAFKA_CODEC_MISSING", "m");
    expect(explainKafkaError(ours, [], [])).toBe(ours);
  });

  it.each([
    ["Connection Connection error: connect ECONNREFUSED 127.0.0.1:9092", "connection"],
    ["SASLAuthenticator SASL_AUTHENTICATION_FAILED", "auth"],
    ["ConsumerGroup The group coordinator is not available", "coordinator"],
    ["ConsumerGroup OFFSET_OUT_OF_RANGE", "fetch"],
    ["Something odd", "other"],
  ])("counts %j as %s", (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });
});
