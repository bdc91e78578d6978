/** Who may change something where no token is configured: programs on this machine, and pages under this server's own names. */

import { expect, it } from "vitest";
import { authorize } from "../../src/http/access.ts";

const access = { token: undefined, loopback: true, externalUrl: "https://driftd.example.com" };

it.each([
  ["a program, whatever name it used", "evil.example", false],
  ["a page under localhost", "localhost:9465", true],
  ["a page under the loopback address", "127.0.0.1:9465", true],
  ["a page under IPv6's loopback address", "[::1]:9465", true],
  ["a page under http.external_url", "driftd.example.com", true],
] as const)("%s may", async (_, host, page) => {
  await expect(authorize("token", access, { authorization: undefined, host, page })).resolves.toBeUndefined();
});

it.each([
  ["a page whose name was given this machine's address", "evil.example:9465"],
  ["a page whose name begins like the loopback address", "127.0.0.1.evil.example"],
  ["a page without a name", undefined],
] as const)("%s may not", async (_, host) => {
  await expect(authorize("token", access, { authorization: undefined, host, page: true })).rejects.toMatchObject({
    code: "HTTP_FOREIGN_NAME",
  });
  await expect(authorize("token_if_set", access, { authorization: undefined, host, page: true })).rejects.toMatchObject({ status: 403 });
});
