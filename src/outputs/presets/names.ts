/** Names that targets give to what a message starts there: made from the message's id, so that a repetition has the same one. Pure. */

import { createHash } from "node:crypto";

/** Shorter than what any target takes, with room for a hash. */
const LONGEST_RUN_ID = 200;
/** A Job's name is also a label of its pods: 63 characters. */
const LONGEST_KUBERNETES_NAME = 63;

/** The id in the letters that Airflow takes; an id that had to be changed gets a hash, so that two never become one. */
export function safeId(id: string): string {
  const safe = id.replace(/[^A-Za-z0-9_.~:+-]/g, "_").slice(0, LONGEST_RUN_ID);
  return safe === id ? id : `${safe}~${hashOf(id)}`;
}

/** The id as the name of a Kubernetes object (RFC 1123): `driftd-msg-…`. */
export function kubernetesName(id: string): string {
  const plain = `driftd-${id.replaceAll("_", "-")}`;
  if (/^msg_[a-z0-9-]*[a-z0-9]$/.test(id) && plain.length <= LONGEST_KUBERNETES_NAME) return plain;
  const clean = plain
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST_KUBERNETES_NAME - 9)
    .replace(/-+$/, "");
  return `${clean}-${hashOf(id)}`;
}

function hashOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 8);
}
