/** How driftd reaches brokers: TLS and login, for the source and for outputs alike; with the rules and the meaning of these keys. */

import * as z from "zod";

import type { KafkaSasl, KafkaSsl } from "./config.ts";
import type { Slip } from "./issues.ts";
import { choice, flag } from "./output-options.ts";
import type { ConfigPath } from "./problem.ts";
import { filePath, text } from "./scalars.ts";
import type { Secret } from "./secret.ts";
import { checkTwins, slip } from "./slips.ts";

const ssl = z
  .union([
    z.boolean(),
    z.strictObject({
      ca_file: filePath("Certificates (PEM) to trust instead of the system's.").optional(),
      cert_file: filePath("Client certificate (PEM).").optional(),
      key_file: filePath("Key (PEM) of the client certificate.").optional(),
      server_name: text("Name expected in the broker's certificate, where it differs from the host.").optional(),
      insecure_skip_verify: flag("Accept any certificate. For tests only.").default(false),
    }),
  ])
  .meta({ title: "boolean or map", description: "TLS: `true` with the system's certificates, or a map. An empty map or `false`: no TLS." });

const sasl = z
  .strictObject({
    mechanism: choice("How to log in.", ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"]).optional(),
    username: text("User name (all mechanisms but `oauthbearer`).").optional(),
    password: text("Password (a secret).").optional(),
    password_file: filePath("File that holds the password; read at each login.").optional(),
    token: text("Bearer token (a secret; `oauthbearer`).").optional(),
    token_file: filePath("File that holds the bearer token; read at each login.").optional(),
  })
  .meta({ title: "map", description: "Login. An empty map: none." });

/** The keys. */
export const kafkaAccess = {
  ssl: ssl.default(false),
  sasl: sasl.prefault({}),
};

type Ssl = z.output<typeof ssl>;
type Sasl = z.output<typeof sasl>;
type ResolveSecret = (inline: string | undefined, file: string | undefined) => Secret | undefined;

/** What TLS means; undefined: none. */
export function resolveSsl(ssl: Ssl, absolute: (file: string) => string): KafkaSsl | undefined {
  if (ssl === false) return undefined;
  if (ssl === true) return { caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined, insecureSkipVerify: false };
  // An empty map is the placeholder of the documented example: no TLS. (Its only default is `insecure_skip_verify`.)
  const given = Object.entries(ssl).some(([key, value]) => key !== "insecure_skip_verify" || value === true);
  if (!given) return undefined;
  const path = (file: string | undefined) => (file === undefined ? undefined : absolute(file));
  return {
    caFile: path(ssl.ca_file),
    certFile: path(ssl.cert_file),
    keyFile: path(ssl.key_file),
    serverName: ssl.server_name,
    insecureSkipVerify: ssl.insecure_skip_verify,
  };
}

/** The login; undefined: none. The rules must have accepted it. */
export function resolveSasl(sasl: Sasl, secret: ResolveSecret): KafkaSasl | undefined {
  if (sasl.mechanism === undefined) return undefined;
  if (sasl.mechanism === "oauthbearer") return { mechanism: sasl.mechanism, token: secret(sasl.token, sasl.token_file)! };
  return { mechanism: sasl.mechanism, username: sasl.username!, password: secret(sasl.password, sasl.password_file)! };
}

/** Rules of TLS and login at `path`. */
export function checkKafkaAccess(path: ConfigPath, access: { readonly ssl: Ssl; readonly sasl: Sasl } | undefined): Slip[] {
  const sasl = access?.sasl;
  const slips: Slip[] = [];
  if (sasl !== undefined && Object.keys(sasl).length > 0) {
    const at = [...path, "sasl"];
    slips.push(...checkTwins(at, sasl, "password"), ...checkTwins(at, sasl, "token"));
    const { mechanism } = sasl;
    const password = sasl.password ?? sasl.password_file;
    const token = sasl.token ?? sasl.token_file;
    if (mechanism === undefined)
      slips.push(slip([...at, "mechanism"], "is required", "one of plain, scram-sha-256, scram-sha-512, oauthbearer"));
    else if (mechanism === "oauthbearer") {
      if (token === undefined) slips.push(slip(at, "oauthbearer needs a token", "set token or token_file"));
      if (sasl.username !== undefined || password !== undefined)
        slips.push(slip(at, "oauthbearer takes no username and no password", "remove them"));
    } else {
      if (sasl.username === undefined) slips.push(slip(at, `${mechanism} needs a username`, "set username"));
      if (password === undefined) slips.push(slip(at, `${mechanism} needs a password`, "set password or password_file"));
      if (token !== undefined) slips.push(slip(at, `${mechanism} takes no token`, "remove it, or set mechanism: oauthbearer"));
    }
  }
  const ssl = typeof access?.ssl === "object" ? access.ssl : undefined;
  if (ssl !== undefined && (ssl.cert_file === undefined) !== (ssl.key_file === undefined)) {
    const [has, lacks] = ssl.cert_file === undefined ? ["key_file", "cert_file"] : ["cert_file", "key_file"];
    slips.push(slip([...path, "ssl", has], `stands without ${lacks}`, `set ${lacks} too`));
  }
  return slips;
}
