import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeServer, type Played, type Received, startFakeServer } from "../../outputs/fake-server.ts";
import { bytesOf, failure, fetchOf, mlflowAt, signal } from "./serving.ts";

let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(() => server.close());

const json = (body: unknown, status = 200): Played => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const fetch = (address: string) => fetchOf(address, { mlflow: mlflowAt(`${server.url}/prefix/`) });
const asked = ({ path }: Received) => decodeURIComponent(path.replaceAll("+", " "));

/** A registry in which the alias stands for a version that came of run r1. */
function registry(version: string, artifacts: (path: string) => Played) {
  server.play((request) => {
    const path = asked(request);
    if (path.startsWith("/prefix/api/2.0/mlflow/registered-models/alias?name=my model&alias=champion"))
      return json({ model_version: { version, run_id: "r1" } });
    if (path.startsWith("/prefix/api/2.0/mlflow/registered-models/alias"))
      return json({ error_code: "INVALID_PARAMETER_VALUE", message: "no" }, 400);
    if (path.startsWith("/prefix/api/2.0/mlflow/model-versions/get?")) return json({ model_version: { version, run_id: "" } });
    return artifacts(path);
  });
}

test("an alias is looked up, and the artifact of its version fetched", async () => {
  registry("7", () => ({ status: 200, headers: { etag: '"a"' }, body: "content" }));
  const found = await fetch("mlflow://models/my%20model@champion/driftd/reference.json")(undefined, signal);
  expect((await bytesOf(found)).toString()).toBe("content");
  expect(found).toMatchObject({ modelVersion: "7" });
  expect(asked(server.received[1]!)).toBe("/prefix/model-versions/get-artifact?name=my model&version=7&path=driftd/reference.json");
});

test("the same version is asked by its ETag; once the alias has moved, the other one is fetched whole", async () => {
  registry("7", () => ({ status: 200, headers: { etag: '"a"' }, body: "seven" }));
  const get = fetch("mlflow://models/my%20model@champion/r.json");
  const first = await get(undefined, signal);
  const identity = first.kind === "changed" ? first.identity : undefined;
  registry("7", () => ({ status: 304 }));
  expect(await get(identity, signal)).toEqual({ kind: "unchanged" });
  expect(server.received[1]?.headers["if-none-match"]).toBe('"a"');
  registry("8", () => ({ status: 200, headers: { etag: '"a"' }, body: "eight" }));
  expect((await bytesOf(await get(identity, signal))).toString()).toBe("eight");
  expect(server.received[1]?.headers["if-none-match"]).toBeUndefined();
});

test("what is not among the version's artifacts is looked for in its run", async () => {
  registry("7", (path) =>
    path.startsWith("/prefix/get-artifact?run_id=r1&") ? { status: 200, body: "of the run" } : { status: 500, body: "no such file" },
  );
  expect((await bytesOf(await fetch("mlflow://models/my%20model@champion/r.json")(undefined, signal))).toString()).toBe("of the run");
});

test("what is nowhere is not found", async () => {
  registry("7", () => ({ status: 404 }));
  expect(await failure(fetch("mlflow://models/my%20model@champion/r.json")(undefined, signal))).toMatchObject({ reason: "not_found" });
});

test("an alias that is not set is not found, and says so", async () => {
  registry("7", () => ({ status: 404 }));
  expect(await failure(fetch("mlflow://models/my%20model@nobody/r.json")(undefined, signal))).toMatchObject({
    reason: "not_found",
    message: "mlflow://models/my%20model@nobody/r.json: the model has no alias nobody",
  });
});

test("a version without a run has only its own artifacts", async () => {
  registry("3", () => ({ status: 500 }));
  expect(await failure(fetch("mlflow://models/my%20model/3/r.json")(undefined, signal))).toMatchObject({ reason: "answer" });
});

test("an artifact of a run needs no look-up", async () => {
  server.play(() => ({ status: 200, body: "content" }));
  await fetch("mlflow://runs/0123abcd/driftd/r.json.gz")(undefined, signal);
  expect(server.received.map(asked)).toEqual(["/prefix/get-artifact?run_id=0123abcd&run_uuid=0123abcd&path=driftd/r.json.gz"]);
});

test.each([
  ["a 401", { status: 401 }, "unauthorized"],
  ["a page in place of JSON", { status: 200, body: "<html>" }, "answer"],
])("%s of the registry is a failure", async (_, answer, reason) => {
  server.play(() => answer);
  expect(await failure(fetch("mlflow://models/m@a/r.json")(undefined, signal))).toMatchObject({ reason });
});
