/** The reference made ready for evaluation under one policy. */
import type { Snapshot } from "../reference/snapshot.ts";
import { type Policy, policyDigest } from "./policy.ts";

export type PreparedReference = { readonly snapshot: Snapshot; readonly policy: Policy; readonly policyDigest: string };

/** Prepares a snapshot for evaluation under a policy; cheap at load, what a feature needs is made at its first evaluation and kept. */
export function prepareReference(snapshot: Snapshot, policy: Policy): PreparedReference {
  return { snapshot, policy, policyDigest: policyDigest(policy) };
}
