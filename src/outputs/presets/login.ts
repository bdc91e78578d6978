/** The usual ways to log in at a target: none, a bearer token, or a user name with a password. */

import { text } from "../../config/scalars.ts";
import type { Auth, OptionSlip } from "../preset.ts";

export const loginOptions = { username: text("User name, with `password` (HTTP basic authentication).").optional() };

export const loginSecrets = {
  token: { description: "Bearer token (a secret)." },
  password: { description: "Password of `username` (a secret)." },
} as const;

/** The login of a request; undefined: none. */
export function loginOf(settings: {
  readonly username?: string | undefined;
  readonly token?: string;
  readonly password?: string;
}): Auth | undefined {
  const { username, token, password } = settings;
  if (token !== undefined) return { kind: "bearer", token };
  return username === undefined || password === undefined ? undefined : { kind: "basic", username, password };
}

/** Whether the parts of a login go together; `given` holds the keys that are set. */
export function checkLogin(given: ReadonlySet<string>): readonly OptionSlip[] {
  const has = (key: string) => given.has(key) || given.has(`${key}_file`);
  const keyOf = (key: string) => (given.has(key) ? key : `${key}_file`);
  if (has("token") && (has("password") || has("username")))
    return [{ path: [keyOf("token")], message: "stands beside username and password", hint: "keep one of the two ways to log in" }];
  if (has("username") && !has("password"))
    return [{ path: ["username"], message: "stands without a password", hint: "set password or password_file" }];
  if (has("password") && !has("username")) return [{ path: [keyOf("password")], message: "stands without username", hint: "set username" }];
  return [];
}
