/**
 * What `docker compose up` runs, without containers: the reference, the traffic and the receiver of examples/compose as processes, driftd with
 * its configuration, a real broker. A drift is there at once, and one request for retraining arrives, signed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type Daemon, freePort, run, startDaemon, until } from "../support/daemon.ts";
import { describeWithBroker } from "./broker/broker.ts";

const examples = join(import.meta.dirname, "..", "..", "examples", "compose");
const signingKey = "whsec_ZHJpZnRkLWRlbW9uc3RyYXRpb24tc2VjcmV0IQ==";

describeWithBroker("compose.yaml's services", (broker) => {
  let folder: string;
  let daemon: Daemon | undefined;
  const children: ChildProcess[] = [];
  let said = "";

  const start = (name: string, ...args: string[]) => {
    const child = spawn(process.execPath, [join(examples, name), ...args], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.on("data", (text) => {
      said += text;
    });
    children.push(child);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "driftd-compose-"));
    const [port, receiver] = [await freePort(), await freePort()];
    vi.stubEnv("DEMO_FOLDER", folder);
    vi.stubEnv("DRIFTD_STATE", folder);
    vi.stubEnv("DRIFTD_LISTEN", `127.0.0.1:${port}`);
    vi.stubEnv("KAFKA_BROKER", broker().brokers[0] ?? "");
    vi.stubEnv("RETRAIN_URL", `http://127.0.0.1:${receiver}/retrain`);
    vi.stubEnv("PORT", String(receiver));
    vi.stubEnv("HOST", "127.0.0.1");
    vi.stubEnv("SIGNING_KEY", signingKey);
    expect((await run([join(examples, "traffic.ts"), "reference"])).code).toBe(0);
    start("receiver.ts");
    start("traffic.ts", "produce");
    await until("the past is produced", 60_000, () => said.includes("from now on in real time"));
    daemon = startDaemon(join(examples, "driftd.yaml"), port);
  });

  afterAll(async () => {
    await daemon?.stop();
    for (const child of children) child.kill("SIGKILL");
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  test("show a critical drift of the delay, and ask for retraining once, by a signature that holds", async () => {
    await until("the request arrived", 90_000, () => said.includes("retraining requested: "));
    const [, line = ""] = /retraining requested: (\{.*\})/.exec(said) ?? [];
    const { type, data } = parse(line);
    expect(type).toBe("driftd.retrain.requested");
    expect(data.model).toBe("flights");
    expect(data.features.map(({ feature }: { feature: string }) => feature)).toContain("delay");
    expect(said).not.toContain("refused");
    const { text } = (await daemon?.get("/metrics")) ?? { text: "" };
    expect(text).toMatch(/driftd_feature_drifted\{[^}]*feature="delay"[^}]*\} 1/);
  });

  test("the reference stays when it is made again", async () => {
    expect((await run([join(examples, "traffic.ts"), "reference"])).stdout).toContain("the reference is there");
  });
});
