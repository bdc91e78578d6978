/** The table of sources: one line for each kind that the configuration knows. */

export { openFileSource } from "./file.ts";
export { createKafkaSource } from "./kafka.ts";
