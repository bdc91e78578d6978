/** A file that readers see as it was or as it will be, never half of it: written beside its place, flushed, and renamed there. */

import { open, rename, rm } from "node:fs/promises";

/** Replaces the file, durably. Rejects with what the file system says; then the old one stands as it was, and nothing is left beside it. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (thrown) {
    await rm(beside, { force: true });
    throw thrown;
  }
}
